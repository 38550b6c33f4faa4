"""`tocsin.yaml` from text to a checked configuration, or to every fault that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.config.connections import check_keys, check_modules
from engine.config.document import Flaw, parse
from engine.config.explain import explain
from engine.config.ladders import check_ladders, check_people
from engine.config.references import SECTIONS, Target, check_references
from engine.config.registry import Registry
from engine.config.routes import advise_on_routes, check_routes
from engine.config.rules import check_rules
from engine.config.smtp import advise_on_listener, check_listener
from engine.config.tables import fill
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config

CHECKS: tuple[Callable[[Config], Iterable[Flaw]], ...] = (
    check_people,
    check_ladders,
    check_rules,
    check_routes,
    check_keys,
    check_listener,
)
STAND_INS: Mapping[str, Any] = {
    **{section: {} for section in ("contacts", "levels", "channels", "policies")},
    "classification": {"levels": {}, "rules": []},
}
"""What takes the place of a required section that can't be read, so that the rest can be checked."""


def load(text: str, file: str, registry: Registry) -> Config:
    """Raises ConfigError with all findings, in the order of the file. `file` is what they call it, and tables are read
    from its folder."""
    document = parse(text, file)
    config, flaws = _fit(document.value)
    sound = config or _salvage(document.value, flaws)
    known, elsewhere = _known(document.value, flaws, sound, registry)
    if sound is not None:
        flaws += [flaw for check in CHECKS for flaw in check(sound)]
        flaws += [*check_references(sound, known), *check_modules(sound, registry)]
        filled = fill(sound, Path(file).parent)
        sound, flaws, elsewhere = filled.config, [*flaws, *filled.flaws], [*elsewhere, *filled.findings]
    findings = (*document.findings([*flaws, *document.flaws]), *elsewhere)
    if config is None or sound is None or findings:
        raise ConfigError(findings)
    return sound


def advise(text: str, file: str, config: Config) -> tuple[Finding, ...]:
    """What a configuration without a fault does and is surely not meant to do. `config` is what `load` made of it."""
    return parse(text, file).findings([*advise_on_routes(config), *advise_on_listener(config)])


def _fit(value: object) -> tuple[Config | None, list[Flaw]]:
    try:
        return Config.model_validate(value), []
    except ValidationError as error:
        return None, list(explain(error, value, Config))


def _salvage(value: object, flaws: Iterable[Flaw]) -> Config | None:
    """The configuration without what is faulty; None where that is all of it."""
    if not isinstance(value, dict):
        return None
    rest = {section: dict(entries) if isinstance(entries, dict) else entries for section, entries in value.items()}
    for flaw in flaws:
        section, *below = flaw.at
        if section in SECTIONS and below and isinstance(rest.get(section), dict):
            rest[section].pop(below[0], None)
        else:
            rest.pop(section, None)
    try:
        return Config.model_validate({**STAND_INS, **rest})
    except ValidationError:
        return None


Known = dict[Target, frozenset[str]]


def _known(value: Any, flaws: Iterable[Flaw], config: Config | None, registry: Registry) -> tuple[Known, list[Finding]]:
    """The names that may be referred to, faulty entries among them; not those of a section that can't be read."""
    unread = {flaw.at[0] for flaw in flaws if len(flaw.at) == 1}
    sections = value if isinstance(value, dict) else {}
    known = {to: frozenset(sections.get(name) or ()) for name, to in SECTIONS.items() if name not in unread}
    known |= {Target.SOURCE: frozenset(registry.sources), Target.KIND: frozenset(registry.channels)}
    known[Target.PROBE] = frozenset(registry.probes)
    try:
        folders = config.playbooks.folders if config else ()
        known[Target.PLAYBOOK] = registry.playbooks.union(*map(registry.playbooks_in, folders))
    except ConfigError as error:
        return known, list(error.findings)
    return known, []
