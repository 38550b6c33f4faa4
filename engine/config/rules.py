"""Ordered rules: nothing behind a rule for everything is ever looked at, and the record tells rules apart by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.config.document import Flaw, Steps
from engine.core.policy import Config, PlaybookRule, Route, Rule


def check_rules(config: Config) -> Iterator[Flaw]:
    lists: tuple[tuple[Steps, Sequence[Any]], ...] = (
        (("routes",), config.routes),
        (("classification", "rules"), config.classification.rules),
        (("playbooks", "attach"), config.playbooks.attach),
    )
    for at, rules in lists:
        yield from _check_order(at, rules)
        yield from _check_names(at, [rule.name for rule in rules if not isinstance(rule, PlaybookRule)])
    yield from _check_names(("maintenance",), [window.name for window in config.maintenance])
    yield from _check_names(("inhibitions",), [rule.name for rule in config.inhibitions])


def _check_order(at: Steps, rules: Sequence[Route | Rule | PlaybookRule]) -> Iterator[Flaw]:
    catch_all = next((place for place, rule in enumerate(rules) if _takes_everything(rule)), len(rules))
    for place in range(catch_all + 1, len(rules)):
        wrong = f"it is never reached: {at[-1]}[{catch_all}] before it has no condition and takes everything"
        yield Flaw(at=(*at, place), wrong=wrong, remedy="put the one without a condition last")


def _takes_everything(rule: Route | Rule | PlaybookRule) -> bool:
    """And leaves nothing to those behind it."""
    if isinstance(rule, Route) and rule.goes_on:
        return False
    names = ("match", "words", "priority", "alert_level", "thresholds")
    asked = names if isinstance(rule, PlaybookRule) else [name for name in names if name != "priority"]
    return not any(getattr(rule, name, None) for name in asked)


def _check_names(at: Steps, names: Sequence[str]) -> Iterator[Flaw]:
    for place, name in enumerate(names):
        if name in names[:place]:
            wrong = f"there is a {name!r} before it at {at[-1]}[{names.index(name)}]"
            yield Flaw(at=(*at, place, "name"), wrong=wrong, remedy="give each its own name, for the record names it")
