"""The three words that the label `severity` has, whatever word a sender uses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Severity = Literal["critical", "warning", "info"]

GivenSeverity = Annotated[Severity, Field(description="of every alert, for the sender gives none")]
