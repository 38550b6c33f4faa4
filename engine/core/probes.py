"""The shape of a probe in `tocsin.yaml`: what is looked at, how often, and what it takes to believe what was seen."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from engine.core.model import Priority
from engine.core.shape import Extensible, Name, Threshold, Title
from engine.core.spans import SpanAhead

QUORUM = re.compile(r"([1-9]\d?) of ([1-9]\d?)", re.ASCII)
MOST_RUNS = 20
"""Runs that are kept of each probe, at most."""


def check_quorum(text: str) -> str:
    match = QUORUM.fullmatch(text)
    if match is None or not int(match[1]) <= int(match[2]) <= MOST_RUNS:
        raise ValueError(f"{text!r} is no share of the last runs; write it like 2 of 3, with {MOST_RUNS} at most")
    return text


Quorum = Annotated[
    str,
    AfterValidator(check_quorum),
    WithJsonSchema({"type": "string", "pattern": f"^{QUORUM.pattern}$", "examples": ["2 of 3"]}),
]


class Probe(Extensible):
    """Something that the engine looks at itself. The other keys are settings of its kind."""

    kind: Name
    """How it is looked at, like http."""
    every: SpanAhead = timedelta(seconds=10)
    """From one run to the next. What is documented is noticed within 30 s with 10s."""
    timeout: SpanAhead = timedelta(seconds=5)
    """A run that takes longer has failed."""
    failures: Quorum | None = None
    """So many of the last runs have to fail, like 2 of 3, which it is where neither this nor `failing_for` is given."""
    failing_for: SpanAhead | None = None
    """In place of `failures`: every run has to fail for so long."""
    successes: Annotated[int, Field(ge=1, le=MOST_RUNS)] = 3
    """So many runs in a row have to be well before it is over."""
    thresholds: tuple[Threshold, ...] | None = None
    """A run also fails by measured values. Without this, by the thresholds of the alert levels in `classification`."""
    service: Name | None = None
    """The service of its incident, unless a route claims it."""
    severity: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """The label `severity` of its alert; without it the measured values say how bad it is."""
    priority: Priority | None = None
    """The label `priority` of its alert, which wins over every rule."""
    title: Title | None = None
    """What it is called; without it by its name here."""

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if self.failures is not None and self.failing_for is not None:
            raise ValueError("`failures` and `failing_for` are two ways to say when it is believed; give one of them")
        return self

    @model_validator(mode="after")
    def _no_two_at_once(self) -> Self:
        if self.timeout > self.every:
            raise ValueError(
                "`timeout` is longer than `every`, so that runs would overlap; make it no longer than that"
            )
        return self

    @property
    def quorum(self) -> tuple[int, int] | None:
        """Failures out of runs; None where time decides."""
        if self.failing_for is not None:
            return None
        failures, _, runs = (self.failures or "2 of 3").partition(" of ")
        return int(failures), int(runs)

    @property
    def kept(self) -> int:
        """The runs that a decision looks back on."""
        return max(self.successes, self.quorum[1] if self.quorum else 1)
