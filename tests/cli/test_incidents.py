"""`tocsin incident …` without a server: looking, reporting, and every command of the core."""

import getpass
import json
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Cli

EVERY_COMMAND: dict[str, list[str]] = {
    "ack": [],
    "advance": ["--confirm-priority", "--impact", "nobody can pay", "--cause", "a certificate"],
    "resolve": ["--validation", "payments succeed", "--restored-at", "{now}"],
    "reopen": ["--reason", "it came back"],
    "decline": ["--reason", "on a train"],
    "escalate": ["--level", "2", "--reason", "help"],
    "room": [],
    "snooze": ["--for", "30m"],
    "seal": ["--reason", "it names a customer"],
    "unseal": ["--reason", "it was nothing"],
    "invite": ["--who", "cto", "--reason", "you know them"],
    "update": ["half of it works again"],
    "hold": ["--for", "30m", "--reason", "the fix is out"],
    "note": ["called the provider", "--happened-at", "2026-11-20 14:00", "--zone", "Europe/Berlin"],
    "close": ["--cause", "c", "--lessons", "l", "--action", "Renew by machine; ops-lead; 2026-12-31"],
    "cancel": ["--code", "false_alarm", "--reason", "a test"],
    "merge": ["--into", "{other}", "--reason", "the same"],
    "assign": ["--to", "cto", "--reason", "shift ends"],
    "reprioritize": ["P1", "--reason", "few users"],
    "document": ["--impact", "i", "--lessons", "l", "--action", "Look again"],
    "finish": ["1", "--note", "by machine"],
    "tick": ["confirm-severity", "--note", "confirmed"],
}
BEFORE: dict[str, list[str]] = {
    "advance": ["ack"],
    "close": ["ack", "resolve"],
    "reopen": ["ack", "resolve"],
    "unseal": ["seal"],
    "finish": ["document"],
    "invite": ["seal"],
}


def given(command: str, now: str, other: str) -> list[str]:
    return [word.format(now=now, other=other) for word in EVERY_COMMAND[command]]


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_of_the_core_can_be_given(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-made-up")  # a war room wants a channel that can send
    ref, other = cli.opened(), cli.opened("Something else")
    now = cli.done("incident", "show", ref, "--json").json["opened_at"]
    for name in BEFORE.get(command, ()):
        cli.done("incident", name, ref, *given(name, now, other))
    ran = cli.done("incident", command, ref, *given(command, now, other), "--as", "ops-lead", "--json")
    assert ran.json["changed"] is True
    assert ran.json["incident"]["id"] == ref


def test_a_command_answers_with_its_sentence(cli: Cli) -> None:
    ref = cli.opened()
    assert cli.done("incident", "ack", ref, "--as", "ops-lead").out.startswith(f"{ref} is yours, acknowledged after")
    assert "already acknowledged by Operations lead" in cli.done("incident", "ack", ref.lower(), "--as", "cto").out


def test_the_record_names_the_user_at_the_keyboard_also_where_a_contact_acts(cli: Cli) -> None:
    ref, user = cli.opened(), f"cli:{getpass.getuser()}"
    cli.done("incident", "ack", ref, "--as", "ops-lead")
    lines = cli.done("incident", "timeline", ref, "--json").json["items"]
    actors = {line["kind"]: line["actor"] for line in lines}
    assert actors["incident.opened"] == f"person:{user} via cli"
    assert actors["incident.acknowledged"] == f"person:ops-lead via {user}"


def test_who_acknowledges_under_no_name_of_the_contacts_is_told_what_that_means(cli: Cli) -> None:
    assert "--as CONTACT" in cli.done("incident", "ack", cli.opened()).err
    assert "--as CONTACT" not in cli.done("incident", "ack", cli.opened("Other"), "--as", "cto").err


REFUSED: dict[str, tuple[list[str], str]] = {
    "the state": (["advance", "INC-1"], "not acknowledged yet"),
    "an incident that is not there": (["ack", "INC-99"], "There is no INC-99."),
    "no incident at all": (["ack", "checkout"], "'checkout' is not an incident"),
    "a contact that is not there": (["ack", "INC-1", "--as", "nobody"], "'nobody' is not in contacts"),
    "a guard": (["resolve", "INC-1"], "validated"),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_one_line_on_standard_error_and_exit_code_1(cli: Cli, arguments: list[str], sentence: str) -> None:
    cli.opened()
    ran = cli("incident", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1


MISUSED: dict[str, list[str]] = {
    "no reason": ["hold", "INC-1", "--for", "30m"],
    "a span without a unit": ["hold", "INC-1", "--for", "30", "--reason", "x"],
    "no such priority": ["reprioritize", "INC-1", "P7", "--reason", "x"],
    "no such code": ["cancel", "INC-1", "--code", "boredom", "--reason", "x"],
    "no such zone": ["show", "INC-1", "--zone", "Mars/Olympus"],
    "no time": ["resolve", "INC-1", "--restored-at", "yesterday"],
    "an action of four parts": ["document", "INC-1", "--action", "a;b;c;d"],
    "an action whose date is none": ["document", "INC-1", "--action", "a;ops-lead;soon"],
    "an empty note": ["note", "INC-1", ""],
    "no title": ["open", "--title", " "],
    "no such command": ["explode", "INC-1"],
}


@pytest.mark.parametrize("arguments", MISUSED.values(), ids=MISUSED)
def test_misuse_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    ran = cli("incident", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_the_list_shows_what_is_open_and_on_demand_the_rest(cli: Cli) -> None:
    first, second = cli.opened(), cli.opened("Mail is slow", "P2")
    cli.done("incident", "cancel", first, "--code", "test", "--reason", "x")
    assert [one["id"] for one in cli.done("incident", "list", "--json").json["items"]] == [second]
    assert [one["id"] for one in cli.done("incident", "list", "--all", "--json").json["items"]] == [second, first]
    assert first in cli.done("incident", "list", "--state", "cancelled").out
    assert cli.done("incident", "list", "--service", "nothing").out.strip() == "There are none."


def test_a_long_list_comes_page_by_page(cli: Cli) -> None:
    refs = [cli.opened(f"Problem {number}") for number in range(3)]
    page = cli.done("incident", "list", "--limit", "2", "--json").json
    assert [one["id"] for one in page["items"]] == refs[:0:-1]
    rest = cli.done("incident", "list", "--limit", "2", "--before", page["next"], "--json").json
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([refs[0]], None)


def test_one_incident_shows_its_ladder_messages_and_playbook_in_the_readers_zone(cli: Cli) -> None:
    shown = cli.done("incident", "show", cli.opened(), "--zone", "Asia/Tokyo").out
    for part in ("Ladder", "Pending", "Told", "Playbook", "Alerts", "Engineering manager", "confirm-severity", " JST"):
        assert part in shown


def test_the_same_report_twice_joins_the_incident(cli: Cli) -> None:
    ref = cli.opened()
    assert f"{ref} was open already" in cli.done("incident", "open", "--title", "checkout is  down").out


def test_nothing_of_an_alert_reaches_the_terminal_as_a_command(cli: Cli) -> None:
    ref = cli.opened("\x1b[2J\x1b]0;owned\x07[bold]down[/bold]\u202e\r\n", "P1")
    for arguments in (["list"], ["show", ref], ["timeline", ref]):
        shown = cli.done("incident", *arguments).out
        assert not any(sign in shown for sign in "\x1b\x07\u202e\r")
        assert "[bold]down[/bold]" in shown


def test_without_an_engine_the_user_is_told_that_messages_wait(cli: Cli) -> None:
    ran = cli.done("incident", "open", "--title", "Checkout is down", "--priority", "P0", "--json")
    assert "no engine runs on this database" in ran.err
    assert json.loads(ran.out)["messages"][0]["state"] == "pending"


def test_a_fault_of_our_own_is_one_line_without_its_values(cli: Cli, sqlite_url: str) -> None:
    ref = cli.opened("s3cr3t")
    with closing(sqlite3.connect(urlsplit(sqlite_url).path)) as connection, connection:
        connection.execute("UPDATE incident SET priority = 's3cr3t'")
    ran = cli("incident", "show", ref)
    assert ran.code == 1
    assert "please report it: ValueError at " in ran.err
    assert "s3cr3t" not in ran.err
    assert len(ran.err.splitlines()) == 1
