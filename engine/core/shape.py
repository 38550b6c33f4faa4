"""What every section of `tocsin.yaml` is made of: names, closed models, references to secrets, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.core.secrecy import mask

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Title = Annotated[str, Field(min_length=1, max_length=120)]
Address = Annotated[str, Field(min_length=1, max_length=500)]


class Model(BaseModel):
    # The texts under the fields are the descriptions in the published schema. Input may be a secret: no error shows it.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Extensible(Model):
    """An entry whose other keys belong to the module it names, and are checked by that module's own settings."""

    model_config = ConfigDict(extra="allow")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, mask(name, value) if name and name in (self.model_extra or {}) else value


class SecretRef(Model):
    """A secret that stays out of the configuration: the environment variable or the file that holds it."""

    env: Annotated[str, Field(min_length=1)] | None = None
    """Name of the environment variable that holds the secret."""
    file: Path | None = None
    """Path of the file that holds the secret; blanks and line ends around it are dropped."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) is (self.file is None):
            raise ValueError("a secret is in exactly one place; give either `env` or `file`")
        return self


class Threshold(Model):
    """A measured value beyond a limit."""

    value: Annotated[str, Field(min_length=1)]
    """Name of the measured value, like response_time_seconds."""
    above: FiniteFloat | None = None
    """Crossed by anything greater; the limit itself is still within."""
    below: FiniteFloat | None = None
    """Crossed by anything less; the limit itself is still within."""

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("a threshold without a limit is never crossed; give `above` or `below`")
        return self
