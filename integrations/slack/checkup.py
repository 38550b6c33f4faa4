"""`tocsin check --slack`: asks Slack what would go wrong at night: the token, the scopes, the connection for clicks,
every channel and every person. It posts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from engine.core.errors import DeliveryError
from engine.core.policy import Config
from engine.ports import Look, Verdict
from integrations.channels.foreign import one_line
from integrations.slack.errors import Refused, delivery_error, read_refusal, transport_error
from integrations.slack.lookup import conversation
from integrations.slack.manifest import SCOPES
from integrations.slack.socket import socket_trouble
from integrations.slack.web import SlackWeb


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the configuration wants to post: `where` is its path there."""

    where: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A contact's member ID and mail address, as far as there are any."""

    name: str
    member: str | None
    email: str | None


async def checkup(
    web: SlackWeb, config: Config, *, app_token: SecretStr | None, signing_secret: SecretStr | None
) -> list[Look]:
    """In the order in which a person would mend it. With a token that Slack does not take, that alone."""
    client = web.client()
    try:
        who = await client.auth_test()
    except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
        return [Look(what="bot token", verdict=Verdict.WRONG, detail=_why(error, web.token, "SLACK_BOT_TOKEN"))]
    looks = [Look(what="bot token", verdict=Verdict.GOOD, detail=f"{who.get('user')} in {who.get('team')}")]
    looks += _scopes(who.headers)
    looks.append(await _clicks(client, app_token, signing_secret))
    looks += [await _place(client, web.token, place) for place in _places(config)]
    looks += [look async for look in _people(client, web.token, _contacts(config))]
    return looks


def _places(config: Config) -> list[Place]:
    found = (("cards", config.cards), ("queue", config.queue))
    return [
        Place(where=where, address=one.address)
        for where, queues in found
        for one in queues
        if config.channels[one.channel].kind == "slack"
    ]


def _contacts(config: Config) -> list[Contact]:
    return [
        Contact(name=name, member=_address(config, own.reach, "slack"), email=_address(config, own.reach, "email"))
        for name, own in config.contacts.items()
    ]


def _address(config: Config, reach: Mapping[str, str], kind: str) -> str | None:
    return next((address for name, address in reach.items() if config.channels[name].kind == kind), None)


def _scopes(headers: Mapping[str, str]) -> list[Look]:
    """Slack names the token's scopes beside each answer."""
    given = {name.strip() for name in headers.get("x-oauth-scopes", "").split(",")}
    missing = [scope for scope in SCOPES if scope.name not in given]
    if not missing:
        return [Look(what="scopes", verdict=Verdict.GOOD, detail=f"all {len(SCOPES)} are there")]
    return [
        Look(
            what=f"scope {scope.name}",
            verdict=Verdict.WRONG if scope.required else Verdict.OPEN,
            detail=f"missing; it {scope.why}; add it under OAuth & Permissions and reinstall the app",
        )
        for scope in missing
    ]


async def _clicks(client: AsyncWebClient, app_token: SecretStr | None, signing_secret: SecretStr | None) -> Look:
    if app_token is not None:
        try:
            await client.apps_connections_open(app_token=app_token.get_secret_value())
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            return Look(what="clicks", verdict=Verdict.WRONG, detail=socket_trouble(error))
        return Look(what="clicks", verdict=Verdict.GOOD, detail="by Socket Mode")
    if signing_secret is not None:
        detail = "over HTTP; whether Slack reaches TOCSIN_BASE_URL shows when a button is pressed"
        return Look(what="clicks", verdict=Verdict.OPEN, detail=detail)
    detail = "nobody can press a button: set SLACK_APP_TOKEN for Socket Mode, or SLACK_SIGNING_SECRET for HTTP"
    return Look(what="clicks", verdict=Verdict.WRONG, detail=detail)


async def _place(client: AsyncWebClient, token: str, place: Place) -> Look:
    what = f"{place.where} {one_line(place.address, 80)}"
    try:
        found = await conversation(client, place.address)
        if found is None:
            detail = (
                "there is none of this name, or it is archived, or private: "
                "check the name, unarchive it, or invite the app there: /invite @Tocsin"
            )
            return Look(what=what, verdict=Verdict.WRONG, detail=detail)
        channel: Mapping[str, Any] = (await client.conversations_info(channel=found)).get("channel") or {}
    except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
        return _unknown_or_wrong(what, error, token, place.address)
    if channel.get("is_archived"):
        return Look(what=what, verdict=Verdict.WRONG, detail="archived; unarchive it or set another channel")
    if channel.get("is_private") and not channel.get("is_member"):
        return Look(what=what, verdict=Verdict.WRONG, detail="the app is not in it; invite it there: /invite @Tocsin")
    return Look(what=what, verdict=Verdict.GOOD, detail=found)


async def _people(client: AsyncWebClient, token: str, contacts: Sequence[Contact]) -> AsyncIterator[Look]:
    for contact in contacts:
        what = f"contacts.{contact.name}"
        try:
            if contact.member:
                yield _person(what, (await client.users_info(user=contact.member)).get("user") or {})
            elif contact.email:
                yield await _by_mail(client, what, contact.email)
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            yield _unknown_or_wrong(what, error, token, contact.member or contact.email or "")


async def _by_mail(client: AsyncWebClient, what: str, email: str) -> Look:
    try:
        user: Mapping[str, Any] = (await client.users_lookupByEmail(email=email)).get("user") or {}
    except SlackApiError as error:
        if read_refusal(error).code != "users_not_found":
            raise
        detail = "has no Slack address, and nobody in Slack has this mail address"
        return Look(what=what, verdict=Verdict.OPEN, detail=detail)
    detail = f"has no Slack address; by mail address it is {user.get('id')}"
    return Look(what=what, verdict=Verdict.OPEN, detail=detail)


def _person(what: str, user: Mapping[str, Any]) -> Look:
    if user.get("deleted") or user.get("is_bot"):
        how = "deactivated" if user.get("deleted") else "a bot"
        return Look(what=what, verdict=Verdict.WRONG, detail=f"is {how} in Slack; give the contact another address")
    return Look(what=what, verdict=Verdict.GOOD, detail=one_line(str(user.get("real_name") or user.get("name")), 80))


def _unknown_or_wrong(what: str, error: Exception, token: str, address: str) -> Look:
    """That the app may not look says nothing about what it would have seen."""
    blind = isinstance(error, SlackApiError) and read_refusal(error, token).code == "missing_scope"
    verdict = Verdict.OPEN if blind else Verdict.WRONG
    return Look(what=what, verdict=verdict, detail=_why(error, token, address))


def _why(error: Exception, token: str, address: str) -> str:
    known: DeliveryError
    if isinstance(error, SlackApiError):
        refused: Refused = read_refusal(error, token)
        known = delivery_error(refused, address)
    else:
        known = transport_error(error)
    return str(known)
