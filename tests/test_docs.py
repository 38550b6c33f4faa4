"""Docs that can't rot: what the product offers is in the README, and what the README names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.bootstrap import registry, shipped_config
from engine.config.settings import Settings
from engine.core.model import Priority
from engine.core.policy import Policy

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def setting_names() -> list[str]:
    fields = Settings.model_fields.items()
    return [str(field.validation_alias or f"TOCSIN_{name.upper()}") for name, field in fields]


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("kind", [*registry().sources, *registry().channels, *registry().probes])
def test_every_source_channel_and_probe_is_documented(kind: str) -> None:
    assert f"`{kind}`" in README


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?)/?`", README))))
def test_every_proof_that_the_readme_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_link_into_the_project_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def row(start: str) -> list[str]:
    line = next(line for line in README.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def spell(minutes: float) -> str:
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"


@pytest.mark.parametrize(("label", "place"), [("Engineering leadership", 1), ("Executive leadership", 2)])
def test_the_table_of_levels_says_what_the_default_configuration_does(label: str, place: int) -> None:
    policy = shipped_config().policies["standard"]
    for cell, priority in zip(row(label), Priority, strict=True):
        steps = policy.ladder(priority).steps
        expected = spell(steps[place].after.total_seconds() / 60) if len(steps) > place else "\u2013"
        assert cell == expected


def test_the_table_of_leases_says_what_the_default_configuration_does() -> None:
    policy: Policy = shipped_config().policies["standard"]
    for cell, priority in zip(row("an acknowledgement holds for"), Priority, strict=True):
        lease = policy.ladder(priority).lease
        assert cell == (spell(lease.total_seconds() / 60) if lease else "\u2013")
