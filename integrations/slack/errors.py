"""What Slack's refusals mean for a page: try again, or use the next way; and what a person has to do about it.

Codes: docs.slack.dev/reference/methods/chat.postMessage#errors and chat.update#errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from engine.core.errors import DeliveryError, Limited
from integrations.channels.foreign import one_line, quoted

RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
PASSING = frozenset({"service_unavailable", "request_timeout", "team_added_to_org"})
PERHAPS_DONE = frozenset({"internal_error", "fatal_error"})
"""Slack says of these that some of the operation may have succeeded."""

DELETED = "message_not_found"

UNREADABLE = "Slack's answer can't be read, the message may have arrived"

_TOKEN = "put the app's bot token (xoxb-…) into SLACK_BOT_TOKEN"  # noqa: S105 - what to do, not a token
_RENEW = f"Slack no longer accepts the token; reinstall the app and {_TOKEN}"
_MEMBER_ID = "a contact's Slack address is the member ID from the profile, like U012AB3CDE4"
_ARCHIVED = "{to} is archived in Slack; unarchive it or set another channel"
_FORBIDDEN = "the workspace does not let the app post to {to}; ask a workspace admin to allow it"
_GONE = "the earlier Slack message can't be edited any more"

REMEDIES: Mapping[str, str] = {
    "not_authed": f"Slack got no token; {_TOKEN}",
    "invalid_auth": f"Slack does not know the token; {_TOKEN}",
    "token_revoked": _RENEW,
    "token_expired": _RENEW,
    "account_inactive": _RENEW,
    "missing_scope": "the app lacks the scope {needed}; add it under OAuth & Permissions and reinstall the app",
    "channel_not_found": "Slack knows no {to}, or it is private; check its name, or invite the app: /invite @Tocsin",
    "not_in_channel": "the app is not in {to}; invite it there: /invite @Tocsin",
    "is_archived": _ARCHIVED,
    "is_inactive": _ARCHIVED,
    "user_not_found": f"Slack knows nobody called {{to}}; {_MEMBER_ID}",
    "users_not_found": f"Slack knows nobody called {{to}}; {_MEMBER_ID}",
    "user_disabled": "{to} is deactivated in Slack; give the contact another address",
    "cannot_dm_bot": f"{{to}} is a bot; {_MEMBER_ID}",
    "messages_tab_disabled": "the app can't write to people; switch on the Messages Tab under App Home",
    "restricted_action": _FORBIDDEN,
    "restricted_action_read_only_channel": _FORBIDDEN,
    "restricted_action_thread_only_channel": _FORBIDDEN,
    "restricted_action_non_threadable_channel": _FORBIDDEN,
    "ekm_access_denied": _FORBIDDEN,
    "access_denied": _FORBIDDEN,
    "message_not_found": f"{_GONE}: it was deleted",
    "edit_window_closed": f"{_GONE}: the workspace limits how long messages may be edited",
    "cant_update_message": f"{_GONE}: it is not the app's own",
}


LOCKED_OUT = frozenset({"not_authed", "invalid_auth", "token_revoked", "token_expired", "account_inactive"})
"""Nothing that is sent with this token arrives."""

CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An answer of Slack's that is not the wanted one. `code` is empty where the answer could not be read; `needed` is
    the missing scope, `problem` the first complaint about the blocks."""

    status: int
    code: str = ""
    needed: str = ""
    problem: str = ""
    retry_after: float | None = None


def read_refusal(error: SlackApiError, *secrets: str) -> Refused:
    """slack_sdk hands over aiohttp's own response where the body was no JSON, and its own one otherwise."""
    response = error.response
    if isinstance(response, aiohttp.ClientResponse):
        return Refused(status=response.status, retry_after=_seconds(response.headers))
    said: Mapping[str, Any] = response.data if isinstance(response.data, dict) else {}
    code, problems = str(said.get("error")), said.get("errors")
    return Refused(
        status=response.status_code,
        code=code if "error" in said and CODE.fullmatch(code) else "",
        needed=quoted(str(said.get("needed") or ""), *secrets),
        problem=quoted(str(problems[0]), *secrets) if isinstance(problems, list) and problems else "",
        retry_after=_seconds(response.headers),
    )


def delivery_error(refused: Refused, to: str) -> DeliveryError:
    """`to` is the address that the message was meant for."""
    status, code = refused.status, refused.code
    # docs.slack.dev/apis/web-api/rate-limits: posting is limited for each conversation by itself
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in RATE_LIMITED:
        sentence = "Slack asks the app to slow down"
        return DeliveryError(sentence, retry_after=refused.retry_after, limited=Limited.ADDRESS)
    if code in PERHAPS_DONE:
        return DeliveryError(f"Slack had a failure of its own ({code})", ambiguous=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in PASSING:
        return DeliveryError(f"Slack is not available ({code or status})", retry_after=refused.retry_after)
    if not code and status < HTTPStatus.BAD_REQUEST:
        return DeliveryError(UNREADABLE, ambiguous=True)
    if not code:
        return DeliveryError(f"Slack's address answers {status}; check SLACK_API_URL", permanent=True)
    return DeliveryError(f"{_sentence(refused, to)} ({code})", permanent=True, gone=code == DELETED)


def transport_error(error: Exception) -> DeliveryError:
    """A call that ended without an answer, or with one that slack_sdk stumbled over (ValueError, AttributeError)."""
    name = type(error).__name__
    if isinstance(error, aiohttp.InvalidURL):
        return DeliveryError("SLACK_API_URL is no web address", permanent=True)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return DeliveryError(f"Slack can't be reached ({name})")
    if isinstance(error, (aiohttp.ClientError, TimeoutError)):
        return DeliveryError(f"Slack did not answer, the message may have arrived ({name})", ambiguous=True)
    return DeliveryError(UNREADABLE, ambiguous=True)


def _sentence(refused: Refused, to: str) -> str:
    remedy = REMEDIES.get(refused.code)
    if remedy is None:
        return "Slack does not take the message" + (f": {refused.problem}" if refused.problem else "")
    return remedy.format(to=one_line(to, 80), needed=refused.needed or "that it needs")


def _seconds(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
