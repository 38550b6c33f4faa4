"""Playbooks: what a team has agreed to do, which of them an incident gets, and its steps in order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.core.classify import tightened
from engine.core.matchers import all_match
from engine.core.model import Classification, PlaybookStep, Priority
from engine.core.phrases import Wording, wording
from engine.core.policy import Model, Name, PlaybookRule, Playbooks, Title
from engine.core.spans import SpanAhead

Phase = Literal["detection", "assessment", "diagnosis", "resolution", "review"]


class Instruction(Model):
    """One step, as it is written in the playbook."""

    id: Name
    """Stays the same for good: incidents on record refer to it."""
    title: Title
    detail: Annotated[str, Field(max_length=2000)] = ""
    """What to do, for somebody who was asleep a minute ago."""
    kind: Name = "manual"
    """The kind of step; `manual` is done and ticked off by a person."""
    phase: Phase | None = None
    """The phase in which it is worked, where that is not the section's."""


class Section(Model):
    """Steps that belong together."""

    title: Title
    phase: Phase
    """The phase of the incident in which the steps are worked."""
    steps: Annotated[tuple[Instruction, ...], Field(min_length=1)]


class Playbook(Model):
    """What a team has agreed to do in one kind of incident."""

    name: Name
    title: Title
    applies: Annotated[str, Field(max_length=1000)] = ""
    """When to use it."""
    respond_within: SpanAhead | None = None
    """A response target of its own, which holds whatever the priority, unless that or the alert level asks for more."""
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]

    @cached_property
    def version(self) -> str:
        """The name and the start of the content's hash; what an incident refers to, whatever becomes of the file."""
        return f"{self.name}@{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]}"

    @model_validator(mode="after")
    def _each_step_is_named_once(self) -> Self:
        names = Counter(step.id for section in self.sections for step in section.steps)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"step id {twice[0]!r} is used more than once; give every step of a playbook its own")
        return self


def choose(
    rules: Playbooks, service_playbook: str | None, priority: Priority, labels: Mapping[str, str], text: str
) -> tuple[str, str] | None:
    """The playbook's name and why it was chosen, or None. `text` is the title and the summary.

    The first rule that matches wins. Only a rule that goes by priority alone gives way to the service's own playbook:
    what happened tells more than where it happened, and that more than how urgent it is.
    """
    said = wording(labels, text=text)
    for rule in rules.attach:
        reason = _applies(rule, priority, labels, said)
        if reason is not None and (rule.match or rule.words or service_playbook is None):
            return rule.playbook, reason
        if reason is not None:
            break
    return (service_playbook, "it is the service's own playbook") if service_playbook else None


def hastened(classification: Classification, playbook: Playbook | None) -> Classification:
    """The classification with the playbook's response target, where that is the earlier one."""
    if playbook is None or playbook.respond_within is None:
        return classification
    return replace(classification, respond_within=tightened(playbook.respond_within, classification))


def steps_of(playbook: Playbook) -> tuple[PlaybookStep, ...]:
    """The steps in order, numbered 1.1, 1.2, 2.1 and so on."""
    return tuple(
        PlaybookStep(
            id=step.id,
            number=f"{place}.{turn}",
            phase=step.phase or section.phase,
            title=step.title,
            section=section.title,
            detail=step.detail,
            kind=step.kind,
        )
        for place, section in enumerate(playbook.sections, start=1)
        for turn, step in enumerate(section.steps, start=1)
    )


def _applies(rule: PlaybookRule, priority: Priority, labels: Mapping[str, str], said: Wording) -> str | None:
    """Why the rule matches, or None."""
    if rule.priority not in (None, priority) or not all_match(rule.match, labels):
        return None
    words = said.evidence(rule.words) if rule.words else ""
    if words is None:
        return None
    urgent = f"the priority is {priority}" if rule.priority else ""
    evidence = (urgent, ", ".join(map(str, rule.match)), words)
    return " and ".join(part for part in evidence if part) or "it is for every incident"
