"""`tocsin report` and `tocsin verify`."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Cli

LOOKS_RIGHT: dict[str, Callable[[bytes], bool]] = {
    "md": lambda content: content.startswith(b"# INC-1"),
    "html": lambda content: b"<html" in content,
    "pdf": lambda content: content.startswith(b"%PDF-"),
    "json": lambda content: json.loads(content)["header"]["ref"] == "INC-1",
}


@pytest.mark.parametrize("form", LOOKS_RIGHT)
def test_a_report_is_written_in_every_form(cli: Cli, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"report.{form}"
    ran = cli.done("report", cli.opened(), "--format", form, "-o", str(file))
    assert ran.out.strip() == str(file)
    assert LOOKS_RIGHT[form](file.read_bytes())


def test_without_a_file_the_report_goes_to_standard_output_in_the_readers_zone(cli: Cli) -> None:
    shown = cli.done("report", cli.opened(), "--zone", "Asia/Tokyo").out
    assert shown.startswith("# INC-1 Checkout is down")
    assert " JST" in shown


def test_a_file_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    ran = cli("report", cli.opened(), "-o", str(tmp_path / "none" / "report.md"))
    assert ran.code == 1
    assert ran.err.splitlines()[-1].endswith("No such file or directory")


def test_untouched_timelines_hold(cli: Cli) -> None:
    cli.opened()
    cli.opened("Mail is down")
    assert cli.done("verify").out.strip() == "2 timelines checked: every line is there and unchanged."
    assert cli.done("verify", "INC-2", "--json").json == {"checked": 1, "broken": []}


TAMPERING = {
    "changed": "UPDATE timeline_event SET reason = 'nothing happened' WHERE incident_id = 2 AND seq = 3",
    "removed": "DELETE FROM timeline_event WHERE incident_id = 2 AND seq = 3",
    "cut off": "DELETE FROM timeline_event WHERE incident_id = 2 AND seq > 3",
}


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING)
def test_a_timeline_that_somebody_changed_is_named_with_the_line(cli: Cli, sqlite_url: str, statement: str) -> None:
    cli.opened()
    cli.opened("Mail is down")
    with closing(sqlite3.connect(urlsplit(sqlite_url).path)) as connection, connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        connection.execute(statement)
    ran = cli("verify")
    assert ran.code == 1
    assert ran.out.startswith("INC-2, line 3: ")
    assert "1 of 2 timelines do not hold, first INC-2 at line 3" in ran.err
    [broken] = cli("verify", "--json").json["broken"]
    assert (broken["incident"], broken["line"]) == ("INC-2", 3)


def test_verifying_what_is_not_there_is_refused(cli: Cli) -> None:
    ran = cli("verify", "INC-7")
    assert ran.code == 1
    assert "There is no INC-7." in ran.err
