"""What belongs to the modules: integrations by their source's own settings, channels and probes by their kind's. And
keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr, ValidationError

from engine.config.document import Flaw, Steps
from engine.config.explain import explain, known_keys, nearest
from engine.config.registry import Registry
from engine.core.policy import Config, Extensible, SecretRef

SHORTEST_KEY = 8
IN_ADDRESSES = re.compile(r"[A-Za-z0-9._~-]+")


def check_modules(config: Config, registry: Registry) -> Iterator[Flaw]:
    """The keys of each entry that its own module has to understand."""
    for name, integration in config.integrations.items():
        yield from _check_entry(("integrations", name), integration, registry.sources.get(integration.source))
    for name, channel in config.channels.items():
        yield from _check_entry(("channels", name), channel, registry.channels.get(channel.kind))
    for name, probe in config.probes.items():
        yield from _check_entry(("probes", name), probe, registry.probes.get(probe.kind))


def _check_entry(at: Steps, entry: Extensible, settings: type[BaseModel] | None) -> Iterator[Flaw]:
    if settings is None:
        return
    given = entry.model_extra or {}
    known = known_keys(settings, ()) if settings.model_config.get("extra") != "allow" else given.keys()
    for key in given.keys() - known:
        remedy = nearest(key, known | type(entry).model_fields.keys())
        yield Flaw(at=(*at, key), wrong="this key is not known", remedy=remedy)
    try:
        settings.model_validate({key: value for key, value in given.items() if key in known})
    except ValidationError as error:
        yield from explain(error, given, settings, at)


def check_keys(config: Config) -> Iterator[Flaw]:
    """Keys are fit for an address, hard to guess, and each opens one thing only. None is ever shown."""
    owners: dict[SecretStr | SecretRef, str] = {}
    for at, name, key in _keys(config):
        if key is None:
            continue
        if isinstance(key, SecretStr):
            yield from _check_key(at, key.get_secret_value())
        if key in owners:
            remedy = "give each integration its own, or none to have one derived"
            yield Flaw(at=at, wrong=f"it is the same as that of {owners[key]!r}", remedy=remedy)
        owners.setdefault(key, name)


def _keys(config: Config) -> Iterator[tuple[Steps, str, SecretStr | SecretRef | None]]:
    """Where each stands, and what it opens."""
    for section, entries in (("integrations", config.integrations), ("heartbeats", config.heartbeats)):
        for name, own in entries.items():
            yield (section, name, "key"), name, own.key
    if config.report_page is not None:
        yield ("report_page", "key"), "report_page", config.report_page.key


def _check_key(at: Steps, key: str) -> Iterator[Flaw]:
    if len(key) < SHORTEST_KEY:
        remedy = (
            f"take {SHORTEST_KEY} characters or more, best from `openssl rand -hex 16`, or none to have one derived"
        )
        yield Flaw(at=at, wrong="it is too short to be a secret", remedy=remedy)
    elif not IN_ADDRESSES.fullmatch(key):
        wrong = "it has characters that do not go into an address as they are"
        yield Flaw(at=at, wrong=wrong, remedy="use letters, digits, and . _ ~ - only")
