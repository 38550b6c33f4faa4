"""Ladders that would not do what they seem to say: steps whose time never comes, people whom nothing reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from engine.config.document import Flaw, Steps
from engine.core.model import Priority, Until
from engine.core.policy import Config, Hours, Ladder, Level, Step
from engine.core.spans import format_span


def check_people(config: Config) -> Iterator[Flaw]:
    """Everyone can be reached by something, and those on a level by what that level uses."""
    for name, contact in config.contacts.items():
        if not contact.reach:
            remedy = "give an address on at least one channel"
            yield Flaw(at=("contacts", name, "reach"), wrong=f"nothing reaches {contact.name}", remedy=remedy)
    for name, level in config.levels.items():
        yield from _check_seats(name, level, config)


def _check_seats(name: str, level: Level, config: Config) -> Iterator[Flaw]:
    for seat, contact in (("primary", level.primary), ("secondary", level.secondary or "")):
        known = config.contacts.get(contact)
        if known and known.reach and not set(known.reach) & set(level.reached_by):
            has, uses = ", ".join(known.reach), ", ".join(level.reached_by)
            wrong = f"{contact!r} has an address on {has} only, and this level is reached by {uses}"
            remedy = f"add one of these to contacts.{contact}.reach, or a channel of theirs to reached_by"
            yield Flaw(at=("levels", name, seat), wrong=wrong, remedy=remedy)
    if level.primary == level.secondary:
        wrong = f"{level.secondary!r} is the primary too, so nobody takes over"
        yield Flaw(at=("levels", name, "secondary"), wrong=wrong, remedy="name someone else, or leave it out")


def check_ladders(config: Config) -> Iterator[Flaw]:
    """Every step of every ladder has a time of its own at which it is paged."""
    for name, policy in config.policies.items():
        for priority in Priority:
            at: Steps = ("policies", name, priority.value)
            ladder = policy.ladder(priority)
            if not ladder.steps:
                remedy = "add a step for the level that is to answer"
                yield Flaw(at=at, wrong="without a step nobody is asked to respond", remedy=remedy)
                continue
            yield from _check_first(at, ladder)
            yield from _check_order(at, ladder.steps, config)
            if ladder.hours is Hours.BUSINESS:
                yield from _check_business(at, ladder, config)


def _check_first(at: Steps, ladder: Ladder) -> Iterator[Flaw]:
    first, at = ladder.steps[0], (*at, "steps", 0)
    within = ladder.respond_within
    if isinstance(within, timedelta) and first.after >= within:
        wrong = (
            f"the response is due after {format_span(within)} and pages this level then, so its own time never comes"
        )
        yield Flaw(at=(*at, "after"), wrong=wrong, remedy=f"page it earlier than {format_span(within)}, best at once")
    if "until" in first.model_fields_set and first.until is not Until.ACKNOWLEDGED:
        wrong = "the first step always ends with the acknowledgement"
        yield Flaw(at=(*at, "until"), wrong=wrong, remedy="write `until: acknowledged`, or leave it out")


def _check_order(at: Steps, steps: Sequence[Step], config: Config) -> Iterator[Flaw]:
    for place, (before, step) in enumerate(pairwise(steps), start=1):
        here = (*at, "steps", place)
        lower, level = config.levels.get(before.level), config.levels.get(step.level)
        if lower and level and level.number == lower.number:
            wrong = f"level {level.number} was paged by the step before, so this one is never reached"
            yield Flaw(at=(*here, "level"), wrong=wrong, remedy="name a level with a higher number, or remove the step")
        elif lower and level and level.number < lower.number:
            wrong = f"level {level.number} comes after level {lower.number}; numbers have to rise"
            yield Flaw(at=(*here, "level"), wrong=wrong, remedy="put the steps in the order of their levels' numbers")
        if step.after <= before.after:
            wrong = f"{format_span(step.after)} is not later than the step before it ({format_span(before.after)})"
            yield Flaw(at=(*here, "after"), wrong=wrong, remedy="give the lower level time to answer first")


def _check_business(at: Steps, ladder: Ladder, config: Config) -> Iterator[Flaw]:
    if not config.queue:
        wrong = "in business hours the queue is told, and there is none"
        yield Flaw(at=(*at, "hours"), wrong=wrong, remedy="add one under `queue`, or write `hours: always`")
    for place, step in enumerate(ladder.steps[1:], start=1):
        if step.respond_within is None:
            wrong = "with `hours: business` no page is timed, so this step is never reached"
            yield Flaw(at=(*at, "steps", place), wrong=wrong, remedy="remove it, or write `hours: always`")
