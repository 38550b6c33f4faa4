"""`tocsin silence …`: made and ended from the keyboard, shown on the reader's clock, and tried before it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.bootstrap import DEFAULT
from engine.config.document import parse
from tests.cli.conftest import Cli

LATER = "2099-01-03 12:00"
UPGRADE = ["--reason", "an upgrade"]


def declare(folder: Path) -> str:
    """A configuration with a maintenance window that is on until 2099."""
    document: dict[str, Any] = parse(DEFAULT.read_text(), DEFAULT.name).value
    window = {"name": "move", "match": ['rack="a1"'], "ends_at": "2099-01-03T11:00:00Z", "reason": "it moves"}
    path = folder / "declared.yaml"
    path.write_text(json.dumps(document | {"maintenance": [window]}))
    return str(path)


def test_a_silence_is_made_listed_shown_and_ended(cli: Cli) -> None:
    added = cli.done(
        "silence", "add", 'service="shop"', 'job=~"a|b"', "--until", LATER, "--zone", "Europe/Berlin", *UPGRADE
    )
    assert added.out.startswith("SIL-1 mutes until 2099-01-03 12:00:00 CET, and is over")
    listed = cli.done("silence", "list", "--zone", "Europe/Berlin").out
    for part in ("SIL-1", "active", 'service="shop" job=~"a|b"', "until 2099-01-03 12:00:00 CET", "an upgrade"):
        assert part in listed
    shown = cli.done("silence", "show", "SIL-1", "--json").json
    assert (shown["ends_at"], shown["muted"], shown["alerts"]) == ("2099-01-03T11:00:00Z", 0, [])
    assert cli.done("silence", "expire", "SIL-1", "--as", "ops-lead").out.startswith("SIL-1 is over")
    assert cli.done("silence", "expire", "sil-1", "--json").json["changed"] is False
    assert cli.done("silence", "list").out.strip() == "There are none."
    [over] = cli.done("silence", "list", "--all", "--json").json["items"]
    assert (over["state"], over["expired_by"].startswith("person:ops-lead via cli:")) == ("expired", True)
    assert "Ended early" in cli.done("silence", "show", "SIL-1").out


def test_turns_are_on_the_reader_s_clock(cli: Cli) -> None:
    made = cli.done(
        *("silence", "add", "rack=a1", "--from", "2098-01-01 00:00", "--until", LATER, "--zone", "Europe/Berlin"),
        *("--weekly", "sat,sun 22:00-06:00", *UPGRADE, "--json"),
    ).json
    assert made["recurrence"] == {"days": ["sat", "sun"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}
    assert (made["state"], made["next_at"]) == ("pending", "2098-01-04T21:00:00Z")
    at = ["--at", "2098-01-05 05:59", "--zone", "Europe/Berlin"]
    tried = cli.done("silence", "try", "rack=a1", *at, "--json").json
    assert [(one["rule"], one["until"]) for one in tried["muted_by"]] == [("silence/SIL-1", "2098-01-05T05:00:00Z")]
    assert cli.done("silence", "try", "rack=a1").out.startswith("Nothing mutes it; it would go to the service default.")
    assert "Every week" in cli.done("silence", "show", "1").out


def test_maintenance_windows_are_listed_shown_and_tried_beside_silences(cli: Cli, tmp_path: Path) -> None:
    cli.done("apply", declare(tmp_path))
    cli.done("silence", "add", "rack=a1", "--for", "1h", *UPGRADE)
    assert "maintenance/move" in cli.done("silence", "list").out
    assert [one["name"] for one in cli.done("silence", "list", "--json").json["maintenance"]] == ["move"]
    assert cli.done("silence", "show", "move", "--json").json["state"] == "active"
    assert "until 2099-01-03 11:00:00 UTC" in cli.done("silence", "show", "move").out
    tried = cli.done("silence", "try", "rack=a1", "--source", "alertmanager").out
    assert tried.index("silence/SIL-1") < tried.index("maintenance/move")


def test_a_muted_alert_is_no_incident_to_rehearse_and_the_reason_is_told(cli: Cli, tmp_path: Path) -> None:
    file = declare(tmp_path)
    ran = cli("rehearse", "--config", file, "--label", "rack=a1", "--at", "2098-01-05 05:59")
    assert ran.code == 1
    assert "nobody is paged: maintenance/move until 2099-01-03" in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "rack=a1", *UPGRADE], "give either --for or --until"),
        (["add", "rack=a1", "--for", "1h", "--until", LATER, *UPGRADE], "give either --for or --until"),
        (["add", "rack", "--for", "1h", *UPGRADE], "is not a matcher"),
        (["add", 'rack!="a1"', "--for", "1h", *UPGRADE], "without any label"),
        (["add", "rack=a1", "--for", "1h", "--weekly", "always", *UPGRADE], "'sat,sun 22:00-06:00'"),
        (["add", "rack=a1", "--for", "1h", "--weekly", "foo 22:00-06:00", *UPGRADE], "recurrence.days.0"),
        (["add", "rack=a1", "--for", "1h"], "Missing option '--reason'"),
        (["try", "rack"], "is not a label"),
    ],
)
def test_what_can_not_be_a_silence_is_a_usage_error_that_says_what_would_be_right(
    cli: Cli, arguments: list[str], says: str
) -> None:
    ran = cli("silence", *arguments)
    assert ran.code == 2
    assert says in " ".join(ran.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "rack=a1", "--until", "2020-01-01 00:00", *UPGRADE], "The end of a silence lies ahead"),
        (["expire", "SIL-9"], "There is no SIL-9"),
        (["show", "backup"], "'backup' is not in maintenance"),
        (["try", "rack=a1", "--source", "nagios"], "'nagios' is not in integrations"),
    ],
)
def test_a_refusal_is_one_clear_line(cli: Cli, arguments: list[str], says: str) -> None:
    ran = cli("silence", *arguments)
    assert ran.code == 1
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) <= 2
