"""`tocsin db copy`: an installation moves house."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.clock import utc_now
from engine.core.timeline import format_time
from engine.db.migrate import upgrade
from tests.cli.conftest import Cli

INCIDENTS = 3


def file_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


@pytest.fixture
def lived_in(cli: Cli) -> Cli:
    """An installation with a history."""
    refs = [cli.opened(f"Checkout is down — 値 {number}") for number in range(INCIDENTS)]
    cli.done("incident", "ack", refs[0])
    cli.done("incident", "note", refs[1], 'it\'s "quoted"; \\ and \t tabbed')
    cli.done("token", "create", "ci", "--role", "viewer")
    return cli


def test_everything_is_there_afterwards_and_goes_on_from_there(
    lived_in: Cli, sqlite_url: str, postgresql_url: str
) -> None:
    before = lived_in.done("incident", "show", "INC-1", "--json").json
    copied = lived_in.done("db", "copy", sqlite_url, postgresql_url, "--json").json
    assert copied["rows"]["incident"] == INCIDENTS
    assert copied["broken"] == []
    moved = Cli(TOCSIN_DATABASE_URL=postgresql_url)
    assert moved.done("incident", "show", "INC-1", "--json").json == before
    assert moved.done("verify", "--json").code == 0
    assert moved.opened("Search is down") == f"INC-{INCIDENTS + 1}"
    moved.done("incident", "note", "INC-1", "written in the new place")
    moved.done("token", "create", "another", "--role", "viewer")


def test_the_way_back_gives_the_same_digests(
    lived_in: Cli, sqlite_url: str, postgresql_url: str, tmp_path: Path
) -> None:
    there = lived_in.done("db", "copy", sqlite_url, postgresql_url, "--json").json
    back = lived_in.done("db", "copy", postgresql_url, f"sqlite:///{tmp_path / 'back.db'}", "--json").json
    assert back == there


def test_it_says_how_many_rows_and_shows_what_it_does_beside_the_result(
    lived_in: Cli, sqlite_url: str, postgresql_url: str
) -> None:
    ran = lived_in.done("db", "copy", sqlite_url, postgresql_url)
    assert "rows are the same on both sides" in ran.out
    assert "timeline_event" in ran.out


def occupied(source: str, target: str) -> str:
    with closing(sqlite3.connect(file_of(target))) as connection, connection:
        connection.execute("INSERT INTO setting VALUES ('a', 'b')")
    return "the target has rows already (setting)"


def in_use(source: str, target: str) -> str:
    with closing(sqlite3.connect(file_of(source))) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO setting VALUES ('last_tick', ?)", (format_time(utc_now()),))
    return "an engine has used the source within the last 30 s"


def outdated(source: str, target: str) -> str:
    with closing(sqlite3.connect(file_of(source))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    return "run `tocsin db upgrade` on it first"


@pytest.mark.parametrize("trouble", [occupied, in_use, outdated])
def test_it_refuses_in_one_line_and_copies_nothing(
    lived_in: Cli, sqlite_url: str, tmp_path: Path, trouble: Callable[[str, str], str]
) -> None:
    target = f"sqlite:///{tmp_path / 'target.db'}"
    upgrade(target)
    said = trouble(sqlite_url, target)
    ran = lived_in("db", "copy", sqlite_url, target)
    assert (ran.code, said in ran.err) == (1, True), ran.err
    with closing(sqlite3.connect(file_of(target))) as connection:
        assert connection.execute("SELECT count(*) FROM incident").fetchone() == (0,)


def test_a_timeline_that_was_changed_is_copied_as_it_is_and_named(
    lived_in: Cli, sqlite_url: str, postgresql_url: str
) -> None:
    with closing(sqlite3.connect(file_of(sqlite_url))) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")  # as whoever has the file can
        connection.execute("UPDATE timeline_event SET reason = 'nothing happened' WHERE incident_id = 2 AND seq = 1")
    assert lived_in.done("db", "copy", sqlite_url, postgresql_url, "--json").json["broken"] == ["INC-2"]
