"""Alerts that a command is tried with: made up of labels, out of a body, or out of a request that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import typer

from engine.bootstrap import Application
from engine.cli.session import run, user
from engine.cli.sources import find_integration, find_source, read_body, read_file, settings_in
from engine.core.classify import read_values
from engine.core.model import Actor, ActorKind, Alert, AlertStatus
from engine.core.policy import Config
from engine.core.requests import RawRequest
from engine.ports import Fault
from engine.services import kept
from engine.services.replaying import check_whole, news_in

NOBODY = Actor(kind=ActorKind.PERSON, id="trial")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What there is to try, through whom it comes, and what can't be read of it."""

    alerts: Sequence[Alert]
    actor: Actor = NOBODY
    fallback: str | None = None
    faults: Sequence[Fault] = ()
    note: str = ""


def made_up(
    labels: Mapping[str, str], title: str, *, fingerprint: str, service: str | None = None, group: str = ""
) -> Alert:
    return Alert(
        fingerprint=fingerprint,
        status=AlertStatus.FIRING,
        title=title,
        service=service or labels.get("service"),
        group=group,
        labels=dict(labels),
        values=read_values(labels, {}),
    )


def come_through(config: Config, source: str | None, alerts: Sequence[Alert]) -> Sent:
    """Raises BadParameter for an integration that is not there."""
    if source is None:
        return Sent(alerts=alerts)
    integration = find_integration(config, source)
    actor = Actor(kind=ActorKind.SOURCE, id=source, via=integration.source)
    return Sent(alerts=alerts, actor=actor, fallback=integration.service)


def read_sent(
    config: Config, source: str | None, kind: str, body: bytes, headers: Mapping[str, str] | None = None
) -> Sent:
    """What the integration, or else a sender of this kind without settings, has sent."""
    found = find_source(kind)
    settings = settings_in(config, source, found) if source else found.settings.model_validate({})
    parsed = read_body(found, settings, body, headers or {})
    return replace(come_through(config, source, parsed.alerts), faults=parsed.faults, note=parsed.note)


def read_sent_file(config: Config, source: str | None, kind: str | None, file: str) -> Sent:
    """Raises BadParameter where nothing says who sends such a body."""
    if kind is None and source is None:
        wrong = "say who sends such a body: --kind SOURCE or --source INTEGRATION"
        raise typer.BadParameter(wrong, param_hint="--file")
    return read_sent(config, source, kind or find_integration(config, source or "").source, read_file(file))


def read_kept(config: Config, source: str | None, number: int) -> Sent:
    """A request that is kept, as sent by its own integration unless another is named, without what in it only says
    that all is well. Raises Refusal for one that is not kept in whole."""

    async def work(app: Application) -> RawRequest:
        return await kept.show(app.context, number, user())

    request = run(work)
    check_whole(request)
    name = source or request.integration
    kind = find_integration(config, name).source
    sent = read_sent(config, name, kind, request.body, request.headers)
    return replace(sent, alerts=news_in(sent.alerts, config, kind, name))
