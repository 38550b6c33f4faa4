"""What the contract test needs to know of each kind of channel: one entry per kind, as in integrations.registry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, NoReturn
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr

from engine.ports import Channel, Envelope
from integrations.channels import Resources, email, log, slack, webhook
from integrations.slack.blocks import render as render_slack
from tests.integrations.channels.providers import (
    DROP,
    HANG,
    HOST,
    SOON,
    ScriptedMail,
    Serve,
    Sink,
    hang_up,
    listening,
    receiving,
    refused_port,
)

MAIL_PASSWORD = "mail-pass-5f1c/@: ö"
SIGNING_SECRET = "signing-secret-77aa"
URL_KEY = "url-key-0123456789"
SLACK_TOKEN = "xoxb-slack-token-31337"
SECRETS = (MAIL_PASSWORD, quote(MAIL_PASSWORD, safe=""), SIGNING_SECRET, URL_KEY, SLACK_TOKEN)
SENDER = "Tocsin <tocsin@example.com>"

Open = Callable[[], AbstractAsyncContextManager[Channel]]


@dataclass(frozen=True, kw_only=True)
class Kit:
    """`shown` renders all that the receiver gets, as one text. `unreachable` opens a channel to where nobody listens;
    each of `failures` one to a provider that fails in its way, with our secrets in its answer where it gives one."""

    address: str
    bare: Callable[[Resources], Channel]
    shown: Callable[[Envelope], str]
    unreachable: Open | None = None
    failures: Mapping[str, Open] = field(default_factory=dict)


class Noon:
    def now(self) -> datetime:
        return datetime(2025, 11, 22, 12, tzinfo=UTC)

    def wait_for(self, span: timedelta) -> float:
        return span.total_seconds()


def _no_session() -> NoReturn:
    raise AssertionError("this channel has connections of its own")


def resources(**changes: Any) -> Resources:
    given: dict[str, Any] = {"clock": Noon(), "session": _no_session, "secret": lambda _: None, **changes}
    return Resources(**given)


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    try:
        yield channel
    finally:
        await channel.close()


def shown_mail(envelope: Envelope) -> str:
    mail = email.render(envelope, SENDER)
    headers = [f"{name}: {value}" for name, value in mail.items()]
    return "\n".join([*headers, *(part.get_content() for part in mail.iter_parts() if isinstance(part, EmailMessage))])


def mail_channel(port: int) -> email.EmailChannel:
    url = SecretStr(f"smtp://tocsin:{quote(MAIL_PASSWORD, safe='')}@{HOST}:{port}")
    settings = email.Settings(timeout=timedelta(seconds=SOON))
    return email.EmailChannel("email", settings, resources(smtp_url=url, mail_from=SENDER))


def mail_server(**answers: str) -> Open:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Channel]:
        async with listening(ScriptedMail(answers=answers).serve) as port:
            yield mail_channel(port)

    return opened


def webhook_channel(url: str | None, **settings: Any) -> webhook.WebhookChannel:
    """Without a `url` the person's address is the URL."""
    given = {"timeout": timedelta(seconds=SOON), "secret": SIGNING_SECRET, "url": url, **settings}
    return webhook.WebhookChannel("phone", webhook.Settings.model_validate(given), resources())


def with_key(url: str) -> str:
    return f"{url}/{URL_KEY}?key={URL_KEY}"


def receiver(**answer: Any) -> Open:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Channel]:
        async with receiving(Sink(**answer)) as sink, closing(webhook_channel(with_key(sink.url))) as channel:
            yield channel

    return opened


def raw_receiver(serve: Serve) -> Open:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Channel]:
        async with listening(serve) as port, closing(webhook_channel(with_key(f"http://{HOST}:{port}"))) as channel:
            yield channel

    return opened


def calling(url: str) -> Open:
    return lambda: closing(webhook_channel(with_key(url)))


def shown_in_slack(envelope: Envelope) -> str:
    message = render_slack(envelope)
    return json.dumps([message.text, *(block.to_dict() for block in message.blocks)], ensure_ascii=False)


@asynccontextmanager
async def slack_channel(url: str) -> AsyncIterator[Channel]:
    async with aiohttp.ClientSession() as session:
        given = resources(session=lambda: session, slack_bot_token=SecretStr(SLACK_TOKEN), slack_api_url=url)
        yield slack.SlackChannel("slack", slack.Settings(timeout=timedelta(seconds=SOON)), given)


def slack_answering(text: str = "", *, status: int = 200, hangs: bool = False, retry_after: int = 0) -> Open:
    headers = {"Content-Type": "application/json"} | ({"Retry-After": str(retry_after)} if retry_after else {})

    @asynccontextmanager
    async def opened() -> AsyncIterator[Channel]:
        sink = Sink(status=status, text=text, hangs=hangs, headers=headers)
        async with receiving(sink), slack_channel(sink.url) as channel:
            yield channel

    return opened


def slack_refusing(error: str) -> Open:
    return slack_answering(json.dumps({"ok": False, "error": error, "errors": [SLACK_TALE], "needed": SLACK_TALE}))


def slack_over(serve: Serve) -> Open:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Channel]:
        async with listening(serve) as port, slack_channel(f"http://{HOST}:{port}/api") as channel:
            yield channel

    return opened


SLACK_TALE = f"no {SLACK_TOKEN} here"
MAIL_TALE = f"no {MAIL_PASSWORD} here, password={MAIL_PASSWORD}"
HOOK_TALE = f"no {SIGNING_SECRET} at /{URL_KEY}?key={URL_KEY}"

KITS: Mapping[str, Kit] = {
    "email": Kit(
        address="ana@example.com",
        bare=lambda given: email.EmailChannel("email", email.Settings(), given),
        shown=shown_mail,
        unreachable=lambda: closing(mail_channel(refused_port())),
        failures={
            "login refused": mail_server(AUTH=f"535 {MAIL_TALE}"),
            "login put off": mail_server(AUTH=f"454 {MAIL_TALE}"),
            "sender refused": mail_server(MAIL=f"550 {MAIL_TALE}"),
            "recipient refused": mail_server(RCPT=f"550 {MAIL_TALE}"),
            "content refused": mail_server(content=f"554 {MAIL_TALE}"),
            "not a mail server": mail_server(greeting=f"SSH-2.0 {MAIL_TALE}"),
            "gibberish": mail_server(RCPT=MAIL_TALE),
            "gone before the content": mail_server(RCPT=DROP),
            "gone after the content": mail_server(content=DROP),
            "silent": mail_server(greeting=HANG),
            "silent after the content": mail_server(content=HANG),
        },
    ),
    "log": Kit(
        address="",
        bare=lambda given: log.LogChannel("log", log.Settings(), given),
        shown=lambda envelope: "\n".join(log.render(envelope).values()),
    ),
    "slack": Kit(
        address="U012AB3CDE4",
        bare=lambda given: slack.SlackChannel("slack", slack.Settings(), given),
        shown=shown_in_slack,
        unreachable=lambda: slack_channel(f"http://{HOST}:{refused_port()}/api"),
        failures={
            "token refused": slack_refusing("invalid_auth"),
            "scope missing": slack_refusing("missing_scope"),
            "blocks refused": slack_refusing("invalid_blocks"),
            "refused in its own words": slack_refusing(SLACK_TALE),
            "rate limited": slack_answering('{"ok": false, "error": "ratelimited"}', status=429, retry_after=7),
            "out of order": slack_answering(SLACK_TALE, status=503),
            "not found": slack_answering(SLACK_TALE, status=404),
            "gibberish": slack_answering(SLACK_TALE),
            "empty": slack_answering("{}"),
            "silent": slack_answering(hangs=True),
            "gone": slack_over(hang_up),
        },
    ),
    "webhook": Kit(
        address="+49301234567",
        bare=lambda given: webhook_channel("https://gateway.example.com/page"),
        shown=lambda envelope: webhook.render(envelope, address="+49301234567"),
        unreachable=lambda: closing(webhook_channel(f"http://{HOST}:{refused_port()}/page")),
        failures={
            "rejected": receiver(status=400, text=HOOK_TALE),
            "out of order": receiver(status=503, text=HOOK_TALE),
            "redirected": receiver(status=307, text=HOOK_TALE, headers={"Location": f"/{URL_KEY}"}),
            "silent": receiver(hangs=True),
            "gone": raw_receiver(hang_up),
            "link-local": calling("http://169.254.169.254"),
            "no such host": calling("http://gateway.invalid"),
        },
    ),
}
