"""A step that a person does and ticks off."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from engine.core.errors import Refusal
from engine.core.model import Incident


class ManualParams(BaseModel):
    """A manual step takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Manual:
    """The engine shows the step and waits; it can't do it, and must never record it as done."""

    name = "manual"
    params: type[BaseModel] = ManualParams

    async def run(self, params: ManualParams, incident: Incident) -> Mapping[str, str]:
        """Raises Refusal: only a person completes this step, by ticking it off."""
        del params
        raise Refusal("step_is_manual", f"A person does this step of {incident.ref} and ticks it off.")
