"""`tocsin slack manifest`: the app, ready to be pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from integrations.slack.manifest import BY_THE_APP_TOKEN, SCOPES, Scope
from tests.cli.conftest import Cli

OUTSIDE = {"TOCSIN_BASE_URL": "https://tocsin.example.com"}
CALLS = re.compile(r"\bclient\.([a-z]+_[A-Za-z_]+)\b")
ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "integrations/channels", ROOT / "integrations/slack")


def test_it_is_yaml_that_says_the_same_as_the_json_and_explains_each_scope() -> None:
    text, value = Cli(**OUTSIDE).done("slack", "manifest").out, Cli(**OUTSIDE).done("slack", "manifest", "--json").json
    assert yaml.safe_load(text) == value
    assert value["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": "https://tocsin.example.com/slack/events",
    }
    lines = text.splitlines()
    for scope in SCOPES:
        [line] = [line for line in lines if line.strip().startswith(f"- {scope.name} ")]
        assert scope.why in line


def test_without_an_address_that_slack_can_reach_it_says_what_to_set() -> None:
    ran = Cli(TOCSIN_BASE_URL="http://127.0.0.1:8080")("slack", "manifest")
    assert (ran.code, ran.out) == (1, "")
    assert "TOCSIN_BASE_URL" in ran.err
    assert "https" in ran.err


def test_socket_mode_needs_no_address() -> None:
    ran = Cli(TOCSIN_BASE_URL="http://127.0.0.1:8080")("slack", "manifest", "--socket-mode")
    settings = yaml.safe_load(ran.out)["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert "SLACK_APP_TOKEN" in ran.err


def test_the_scopes_are_those_of_the_methods_that_are_called_and_no_more() -> None:
    code = "\n".join(path.read_text() for folder in SOURCES for path in sorted(folder.rglob("*.py")))
    called = {name.replace("_", ".") for name in CALLS.findall(code)}
    assert called - BY_THE_APP_TOKEN - {"auth.test"} == {method for scope in SCOPES for method in scope.methods}
    assert called >= BY_THE_APP_TOKEN


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_the_readme_names_every_optional_scope(scope: Scope) -> None:
    assert scope.required or f"`{scope.name}`" in (ROOT / "README.md").read_text()
