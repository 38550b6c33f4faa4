"""Wires everything together. The one module that knows the integrations; nothing is built before it is called."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from starlette.requests import Request
from starlette.responses import Response

import engine
from engine.api.app import create_api
from engine.api.parts import Parts
from engine.api.senders import Senders
from engine.api.smtp.listener import MailListener
from engine.clock import SpeedClock, SteadyClock, SystemClock
from engine.config.difference import digest
from engine.config.document import read_text
from engine.config.load import advise, load
from engine.config.registry import Registry
from engine.config.secrets import resolve_secret, resolve_secrets
from engine.config.settings import Settings
from engine.config.stored import from_document, to_document
from engine.core.errors import Finding, SettingsError
from engine.core.playbook import Playbook
from engine.core.policy import Channel as ChannelConfig
from engine.core.policy import Config, SecretRef
from engine.db.database import Database, connect
from engine.db.herald import Herald
from engine.db.migrate import upgrade
from engine.playbookfile import load_playbooks, shipped_folder
from engine.ports import Channel, Clock, Look, Source
from engine.scheduler.alarm import Alarm, Errand
from engine.scheduler.dispatch import Dispatcher
from engine.scheduler.prober import Prober
from engine.services import access, configs
from engine.services.answers import forget
from engine.services.canary import Canaries
from engine.services.context import Channels, Context, Revisions, Signals
from engine.services.deadman import EVERY, DeadMansSwitch
from engine.services.delivery import Sender
from engine.services.desk import CommandDesk
from engine.services.documents import Documents
from engine.services.frontdesk import FrontDesk
from engine.services.heartbeats import Heartbeats
from engine.services.intake import Intake
from engine.services.metrics import Metrics
from engine.services.probing import Probes
from engine.services.readability import Readability
from engine.services.rehearing import Rehearing
from engine.services.replaying import Replays
from engine.services.requests import RawRequests
from engine.services.selfreport import SelfReport
from engine.services.ticking import Ticker, Watch
from engine.services.timekeeping import Timekeeper
from engine.services.unheard import Unheard
from integrations.channels import Resources
from integrations.fetching import Fetcher
from integrations.heartbeat import Heartbeat
from integrations.registry import ACTIONS, CHANNELS, PROBES, SOURCES
from integrations.slack.app import build_app
from integrations.slack.checkup import checkup
from integrations.slack.front import Front
from integrations.slack.http import SlackHttp
from integrations.slack.manifest import explained, manifest
from integrations.slack.socket import SocketMode
from integrations.slack.web import SlackWeb

log = structlog.get_logger()

DEFAULT = Path(engine.__file__).parent / "default.yaml"


class Sessions:
    """The process's one HTTP session for vendors' APIs, made inside the loop at the first call."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def __call__(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """The engine, ready to use. `start` sets its loops going; without it, it does only what it is asked to (the command
    line, the tests). `made_token`: the administrator's token where one was made at this first start."""

    settings: Settings
    context: Context
    intake: Intake
    desk: CommandDesk
    ticker: Ticker
    sender: Sender
    keys: access.Keys
    requests: RawRequests
    replays: Replays
    alarm: Alarm
    canaries: Canaries
    probes: Probes
    prober: Prober
    switch: DeadMansSwitch | None
    dispatcher: Dispatcher
    slack: Front
    socket: SocketMode | None
    herald: Herald | None
    mail: MailListener
    api: FastAPI
    made_token: SecretStr | None = None

    async def start(self) -> None:
        """What fell due while the engine was down fires before this returns."""
        if self.context.database.dialect == "sqlite":
            released = await self.sender.release_claims()
            log.info("outbox.released", messages=released)
        if self.herald is not None:
            self.herald.start()
        self.dispatcher.start()
        await self.alarm.start()
        self.prober.start()
        if self.socket is not None:
            self.socket.start()
        await self.mail.follow()

    async def stop(self) -> None:
        """Nothing new is begun; what is under way ends and is put on record."""
        if self.socket is not None:
            await self.socket.stop()
        await self.slack.drain()
        await self.prober.stop()
        await self.alarm.stop()
        await self.mail.stop()
        await self.intake.drained()
        await self.requests.drained()
        await self.dispatcher.stop()
        if self.herald is not None:
            await self.herald.stop()


@cache
def _shipped_playbooks() -> Mapping[str, Playbook]:
    return load_playbooks([shipped_folder()], ACTIONS)


def registry() -> Registry:
    """What a configuration may name besides its own entries."""
    return Registry(
        sources={name: source.settings for name, source in SOURCES.items()},
        channels={name: kind.settings for name, kind in CHANNELS.items()},
        probes={name: kind.settings for name, kind in PROBES.items()},
        playbooks=frozenset(_shipped_playbooks()),
        actions=frozenset(ACTIONS),
        playbooks_in=lambda folder: frozenset(load_playbooks([folder], ACTIONS)),
    )


def sources() -> Mapping[str, Source]:
    """Every kind of sender, by the name that an integration gives."""
    return SOURCES


def load_config(path: Path) -> Config:
    """Raises ConfigError with every fault of the file."""
    return load(read_text(path), str(path), registry())


def advice_on(path: Path, config: Config) -> tuple[Finding, ...]:
    """What the file allows and surely does not mean; `config` is what `load_config` made of it."""
    return advise(read_text(path), str(path), config)


def shipped_config() -> Config:
    """The documented default."""
    return load_config(DEFAULT)


def playbooks_of(config: Config) -> dict[str, Playbook]:
    """The shipped ones, overridden by those in the folders of the configuration. Raises ConfigError."""
    return {**_shipped_playbooks(), **load_playbooks(config.playbooks.folders, ACTIONS)}


def build_channels(config: Config, resources: Resources) -> dict[str, Channel]:
    return {name: _channel(name, own, resources) for name, own in config.channels.items()}


def _channel(name: str, own: ChannelConfig, resources: Resources) -> Channel:
    kind = CHANNELS[own.kind]
    return kind.build(name, kind.settings.model_validate(own.model_extra or {}), resources)


def lacks(config: Config, settings: Settings) -> Mapping[str, str]:
    """What each channel of a configuration that can't send lacks, with these settings."""
    resources = _resources(settings, SystemClock(), Sessions())
    return Channels(build_channels(config, resources)).missing


def slack_manifest(settings: Settings, *, socket_mode: bool) -> tuple[Mapping[str, Any], str]:
    """The Slack app's manifest for these settings, and the same as YAML in which each scope is explained."""
    app = manifest(settings.base_url, socket_mode=socket_mode)
    return app, explained(app)


async def check_slack(config: Config, settings: Settings) -> list[Look]:
    """Asks Slack about all that this configuration needs of it. Raises SettingsError without a bot token."""
    if settings.slack_bot_token is None:
        raise SettingsError("SLACK_BOT_TOKEN is not set; there is nothing to ask Slack with")
    sessions = Sessions()
    web = _slack_web(settings, sessions, SystemClock())
    try:
        return await checkup(
            web, config, app_token=settings.slack_app_token, signing_secret=settings.slack_signing_secret
        )
    finally:
        await sessions.close()


def _resources(settings: Settings, clock: Clock, sessions: Sessions) -> Resources:
    return Resources(
        clock=clock,
        session=sessions,
        secret=_secret_or_none,
        smtp_url=settings.smtp_url,
        mail_from=settings.mail_from or "",
        slack_bot_token=settings.slack_bot_token,
        slack_api_url=settings.slack_api_url,
        base_url=settings.base_url,
    )


def _secret_or_none(ref: SecretRef) -> SecretStr | None:
    """A channel without its secret is not configured, and says so itself."""
    try:
        return resolve_secret(ref, os.environ)
    except SettingsError:
        return None


def _reveal(settings: BaseModel) -> BaseModel:
    return resolve_secrets(settings, os.environ)


def _secret(secret: SecretStr | SecretRef) -> SecretStr:
    return resolve_secret(secret, os.environ)


@asynccontextmanager
async def application(
    settings: Settings, *, clock: Clock | None = None, speed: float = 1
) -> AsyncIterator[Application]:
    """Migrates the database, applies the first configuration on a new installation, and wires the engine.

    Raises ConfigError where that configuration can't be used, Overloaded where the database can't be reached.
    """
    url = settings.database_url.get_secret_value()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    await asyncio.to_thread(upgrade, url)
    database, sessions = connect(url), Sessions()
    steady = SteadyClock()
    keeper = Timekeeper(database, steady)
    try:
        if clock is None:
            await keeper.correct()
            clock = steady if speed == 1 else SpeedClock(speed, real_now=steady.now)
        app = await _wire(settings, database, clock, keeper, sessions, speed)
        yield app
        await app.requests.drained()
        await app.context.revisions.close()
    finally:
        await sessions.close()
        await database.close()


async def _wire(
    settings: Settings, database: Database, clock: Clock, keeper: Timekeeper, sessions: Sessions, speed: float
) -> Application:
    metrics = Metrics()
    context = await _context(settings, database, clock, sessions, speed, metrics)
    made_token = await access.ensure_admin(context, settings.admin_token)
    intake, desk = Intake(context), CommandDesk(context)
    report = SelfReport(context, intake)
    sender = Sender(context, report.messages_set_aside)
    canaries = Canaries(context, intake, report, metrics.canary_arrived)
    heartbeats = Heartbeats(context, report, metrics.pulse_taken)
    probes = Probes(context, PROBES, _reveal, metrics)
    watches: list[Watch] = [heartbeats, Rehearing(context, report, metrics.alert_taken)]
    ticker = Ticker(context, keep_time=keeper.correct, tell=report.timers_set_aside, watches=watches)
    unheard = Unheard(context, metrics.alert_taken)
    switch = _switch(settings, context, ticker, metrics)
    looks = [Readability(context, report).look, heartbeats.heard_from]
    requests = RawRequests(context, metrics.requests_lost.inc, looks)
    replays = Replays(context, intake, SOURCES, _reveal)
    keys, web = access.Keys(context, _secret), _slack_web(settings, sessions, clock)
    slack = Front(FrontDesk(context, desk, intake), web)
    socket = _socket(settings, slack, web)
    parts = Parts(
        context=context,
        intake=intake,
        desk=desk,
        heartbeats=heartbeats,
        keys=keys,
        requests=requests,
        replays=replays,
        sources=SOURCES,
        documents=Documents(Fetcher()),
        ticker=ticker,
        breakers=sender.breakers,
        reveal=_reveal,
        slack=_slack(settings, slack),
        answering=lambda: {"slack": socket.lacks} if socket and socket.lacks else {},
        metrics=metrics,
    )
    mail = MailListener(parts, Senders(parts), report)
    errands = [*_errands(context, canaries, requests, unheard, mail), *_heartbeat(switch)]
    return Application(
        settings=settings,
        context=context,
        intake=intake,
        desk=desk,
        ticker=ticker,
        sender=sender,
        keys=keys,
        requests=requests,
        replays=replays,
        alarm=Alarm(context, ticker, metrics, errands),
        switch=switch,
        canaries=canaries,
        probes=probes,
        prober=Prober(context, probes),
        dispatcher=Dispatcher(context, sender),
        slack=slack,
        socket=socket,
        herald=_herald(settings, context),
        mail=mail,
        api=create_api(parts),
        made_token=made_token,
    )


def _switch(settings: Settings, context: Context, ticker: Ticker, metrics: Metrics) -> DeadMansSwitch | None:
    url = settings.heartbeat_url
    if url is None:
        return None
    return DeadMansSwitch(context, ticker, Heartbeat(url), lambda result: metrics.heartbeats.labels(result).inc())


def _heartbeat(switch: DeadMansSwitch | None) -> list[Errand]:
    return [Errand(name="heartbeat", every=EVERY, run=switch.look)] if switch is not None else []


def _errands(
    context: Context, canaries: Canaries, requests: RawRequests, unheard: Unheard, mail: MailListener
) -> list[Errand]:
    return [
        Errand(name="forget answers", every=timedelta(hours=1), run=partial(forget, context)),
        Errand(name="look after canaries", every=timedelta(seconds=5), run=canaries.look),
        Errand(name="listen for mail", every=timedelta(seconds=5), run=mail.follow),
        Errand(name="drop raw requests", every=timedelta(minutes=1), run=requests.tidy),
        Errand(name="give up what is unheard", every=timedelta(seconds=30), run=unheard.look),
    ]


def _herald(settings: Settings, context: Context) -> Herald | None:
    """Where one process has the database for itself there is nobody to tell."""
    if context.database.dialect == "sqlite":
        return None
    herald = Herald(settings.database_url.get_secret_value(), context.signals.wake)
    context.signals.tell_others = herald.tell
    return herald


async def _context(
    settings: Settings, database: Database, clock: Clock, sessions: Sessions, speed: float, metrics: Metrics
) -> Context:
    resources = _resources(settings, clock, sessions)
    playbooks: dict[str, Playbook] = {}
    context = Context(
        database=database,
        clock=clock,
        revisions=Revisions(from_document, lambda config: metrics.counted(build_channels(config, resources))),
        playbooks=playbooks,
        signals=Signals(),
        base_url=settings.base_url,
        version=engine.__version__,
        speed=speed,
    )
    config = await _config_in_force(context, settings)
    playbooks |= playbooks_of(config)
    await configs.keep_playbooks(context)
    return context


async def _config_in_force(context: Context, settings: Settings) -> Config:
    """A new installation gets its first configuration; an old one keeps what it has."""
    revision = await configs.current(context)
    if revision is not None:
        return revision.config
    config = load_config(settings.config or DEFAULT)
    await configs.apply(context, document=to_document(config), digest=digest(config), by="first start")
    return config


def _slack_web(settings: Settings, sessions: Sessions, clock: Clock) -> SlackWeb:
    return SlackWeb(session=sessions, token=settings.slack_bot_token, api_url=settings.slack_api_url, now=clock.now)


def _slack(settings: Settings, front: Front) -> Callable[[Request], Awaitable[Response]] | None:
    secret = settings.slack_signing_secret
    return SlackHttp(build_app(front, signing_secret=secret), signing_secret=secret).handle if secret else None


def _socket(settings: Settings, front: Front, web: SlackWeb) -> SocketMode | None:
    token = settings.slack_app_token
    return SocketMode(build_app(front, signing_secret=SecretStr("")), web, app_token=token) if token else None
