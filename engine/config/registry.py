"""What a configuration may name besides its own entries, as `bootstrap` knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel


def no_playbooks(_folder: Path) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """`sources`, `channels` and `probes` hold the settings of each kind, `playbooks` the names of those that come with
    Tocsin. `playbooks_in` names those in a folder of the operator's, or raises ConfigError. `actions`: kinds of
    steps."""

    sources: Mapping[str, type[BaseModel]]
    channels: Mapping[str, type[BaseModel]]
    probes: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    playbooks: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    playbooks_in: Callable[[Path], frozenset[str]] = no_playbooks
