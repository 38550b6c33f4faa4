"""Names that refer to something: whatever is referred to has to be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.config.document import Flaw, Steps
from engine.config.explain import nearest
from engine.core.heartbeats import AlwaysFiring
from engine.core.model import Priority
from engine.core.policy import Config


class Target(StrEnum):
    """What can be referred to; the value is its word in a sentence."""

    CONTACT = "contact"
    LEVEL = "level"
    CHANNEL = "channel"
    POLICY = "policy"
    SERVICE = "service"
    PLAYBOOK = "playbook"
    SOURCE = "source"
    INTEGRATION = "integration"
    KIND = "kind of channel"
    PROBE = "kind of probe"


SECTIONS: Mapping[str, Target] = {
    "contacts": Target.CONTACT,
    "levels": Target.LEVEL,
    "channels": Target.CHANNEL,
    "policies": Target.POLICY,
    "services": Target.SERVICE,
    "integrations": Target.INTEGRATION,
}
"""The sections of the configuration in which those are defined that are not built in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    at: Steps
    to: Target
    name: str


def check_references(config: Config, known: Mapping[Target, frozenset[str]]) -> Iterator[Flaw]:
    """A flaw for each name that nothing has. Targets that are not in `known` are not checked."""
    for reference in _references(config):
        names = known.get(reference.to)
        if names is not None and reference.name not in names:
            wrong = f"there is no {reference.to} {reference.name!r}"
            yield Flaw(at=reference.at, wrong=wrong, remedy=nearest(reference.name, names))


def _references(config: Config) -> Iterator[Reference]:
    yield from _of_people(config)
    yield from _of_policies(config)
    yield from _of_services(config)
    yield from _of_routes(config)
    yield from _of_connections(config)
    for place, rule in enumerate(config.playbooks.attach):
        at = ("playbooks", "attach", place, "playbook")
        yield Reference(at=at, to=Target.PLAYBOOK, name=rule.playbook)


def _of_people(config: Config) -> Iterator[Reference]:
    for name, contact in config.contacts.items():
        for channel in contact.reach:
            yield Reference(at=("contacts", name, "reach", channel), to=Target.CHANNEL, name=channel)
    for name, level in config.levels.items():
        yield Reference(at=("levels", name, "primary"), to=Target.CONTACT, name=level.primary)
        if level.secondary is not None:
            yield Reference(at=("levels", name, "secondary"), to=Target.CONTACT, name=level.secondary)
        for place, channel in enumerate(level.reached_by):
            yield Reference(at=("levels", name, "reached_by", place), to=Target.CHANNEL, name=channel)


def _of_policies(config: Config) -> Iterator[Reference]:
    yield Reference(at=("default_policy",), to=Target.POLICY, name=config.default_policy)
    for name, policy in config.policies.items():
        for priority in Priority:
            for place, step in enumerate(policy.ladder(priority).steps):
                at = ("policies", name, priority.value, "steps", place, "level")
                yield Reference(at=at, to=Target.LEVEL, name=step.level)


def _of_services(config: Config) -> Iterator[Reference]:
    if "default_service" in config.model_fields_set:
        yield Reference(at=("default_service",), to=Target.SERVICE, name=config.default_service)
    for name, service in config.services.items():
        yield Reference(at=("services", name, "policy"), to=Target.POLICY, name=service.policy)
        if service.playbook is not None:
            yield Reference(at=("services", name, "playbook"), to=Target.PLAYBOOK, name=service.playbook)
    for name, heartbeat in config.heartbeats.items():
        if heartbeat.service is not None:
            yield Reference(at=("heartbeats", name, "service"), to=Target.SERVICE, name=heartbeat.service)
    for name, probe in config.probes.items():
        if probe.service is not None:
            yield Reference(at=("probes", name, "service"), to=Target.SERVICE, name=probe.service)
    if config.canary is not None:
        yield Reference(at=("canary", "service"), to=Target.SERVICE, name=config.canary.service)


def _of_routes(config: Config) -> Iterator[Reference]:
    for place, route in enumerate(config.routes):
        given = {Target.SERVICE: route.service, Target.POLICY: route.policy, Target.PLAYBOOK: route.playbook}
        for to, name in given.items():
            if name is not None:
                yield Reference(at=("routes", place, to.value), to=to, name=name)


def _of_connections(config: Config) -> Iterator[Reference]:
    for name, integration in config.integrations.items():
        yield Reference(at=("integrations", name, "source"), to=Target.SOURCE, name=integration.source)
        if integration.service is not None:
            yield Reference(at=("integrations", name, "service"), to=Target.SERVICE, name=integration.service)
    for name, heartbeat in config.heartbeats.items():
        yield from _of_always_firing(("heartbeats", name, "alert"), heartbeat.alert)
    for name, probe in config.probes.items():
        yield Reference(at=("probes", name, "kind"), to=Target.PROBE, name=probe.kind)
    for name, channel in config.channels.items():
        yield Reference(at=("channels", name, "kind"), to=Target.KIND, name=channel.kind)
    if config.room is not None:
        yield Reference(at=("room", "channel"), to=Target.CHANNEL, name=config.room.channel)
    for section, queues in (("cards", config.cards), ("queue", config.queue)):
        for place, queue in enumerate(queues):
            yield Reference(at=(section, place, "channel"), to=Target.CHANNEL, name=queue.channel)


def _of_always_firing(at: Steps, alert: AlwaysFiring | None) -> Iterator[Reference]:
    if alert is None:
        return
    yield Reference(at=(*at, "source"), to=Target.SOURCE, name=alert.source)
    if alert.integration is not None:
        yield Reference(at=(*at, "integration"), to=Target.INTEGRATION, name=alert.integration)
