"""`tocsin rehearse`."""

import json
from pathlib import Path

import pytest

from engine.bootstrap import DEFAULT
from engine.config.document import parse
from tests.cli.conftest import Cli

NIGHT = ["--at", "2026-11-21 03:10", "--zone", "Europe/Berlin"]


def test_a_rehearsal_answers_who_is_paged_when_in_the_readers_zone(cli: Cli) -> None:
    shown = cli.done("rehearse", "--priority", "P0", *NIGHT).out
    [line] = [line for line in shown.splitlines() if "CTO" in line]
    for part in ("+1 h", "Sat 2026-11-21 04:10:00 CET", "page", "3 Executive leadership", "primary", "phone, email"):
        assert part in line


def test_labels_and_title_are_classified_as_an_alerts_are(cli: Cli) -> None:
    by_label = cli.done("rehearse", "--label", "severity=critical", *NIGHT, "--json").json
    by_value = cli.done("rehearse", "--label", "error_rate_percent=7", *NIGHT, "--json").json
    by_words = cli.done("rehearse", "--title", "The whole system is down", *NIGHT, "--json").json
    assert [found["incident"]["priority"] for found in (by_label, by_value, by_words)] == ["P1", "P1", "P0"]


def test_json_tells_every_page_with_seconds_person_and_channels(cli: Cli) -> None:
    found = cli.done("rehearse", "--priority", "P0", *NIGHT, "--ack-after", "3m", "--ack-by", "cto", "--json").json
    pages = [(line["after_s"], line["contact"], line["channels"]) for line in found["lines"] if line["what"] == "page"]
    everything = ["phone", "email", "slack"]
    assert pages == [(0, "ops-lead", everything), (1800, "eng-manager", everything), (3600, "cto", ["phone", "email"])]
    assert found["lines"][0]["at"] == "2026-11-21T02:10:00Z"
    assert found["incident"]["acknowledged_by"] == "cto"


def test_what_comes_round_and_round_is_one_line_with_its_count(cli: Cli) -> None:
    shown = cli.done("rehearse", "--priority", "P0", *NIGHT, "--ack-after", "3m", "--for", "64m").out
    assert shown.count("question") == 1
    assert "still on it? (3 more times)" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("who", "within", "code", "said"),
    [
        ("ops-lead", "5m", 0, ""),
        ("eng-manager", "30m", 0, ""),
        ("cto", "30m", 1, "cto is not paged within 30 min: the first page is after 1 h"),
        ("eng-lead", "5h", 1, "eng-lead is not paged within 5 h: never"),
    ],
)
def test_an_expectation_decides_the_exit_code(cli: Cli, who: str, within: str, code: int, said: str) -> None:
    ran = cli("rehearse", "--priority", "P0", *NIGHT, "--expect-paged", who, "--within", within, "--json")
    assert ran.code == code
    assert said in ran.err
    assert ran.json["expected"][0]["met"] is (code == 0)


def test_an_unreachable_channel_is_left_out_and_channels_that_are_not_set_up_are_named(cli: Cli) -> None:
    ran = cli.done("rehearse", "--priority", "P0", *NIGHT, "--unreachable", "phone", "--for", "1m")
    assert "email, slack" in ran.out
    assert "phone" not in ran.out
    assert "rehearsed as if they were: email, slack." in ran.err
    as_configured = cli.done("rehearse", "--priority", "P0", *NIGHT, "--as-configured", "--for", "1m", "--json").json
    assert [line["channels"] for line in as_configured["lines"] if line["what"] == "page"] == [["log"]]


def test_with_a_file_of_its_own_a_rehearsal_needs_no_database(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    cli.done("rehearse", "--config", str(DEFAULT), "--priority", "P0", *NIGHT, "--for", "1m")
    assert not (tmp_path / "data").exists()


def test_the_configuration_in_force_is_the_default(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(DEFAULT.read_text(encoding="utf-8").replace("name: CTO (example)", "name: Jo"), encoding="utf-8")
    cli.done("apply", str(file))
    assert "Jo (primary)" in cli.done("rehearse", "--priority", "P0", *NIGHT).out


def with_sources(cli: Cli, tmp_path: Path) -> None:
    """Two integrations of one kind, whose alerts take different ways."""
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    document["integrations"] |= {
        "mail": {"source": "email", "key": "a-key-for-mail", "service": "storage"},
        "quiet": {"source": "email", "key": "a-key-for-quiet-mail", "severity": "info"},
    }
    document["services"]["storage"] = {"title": "Storage"}
    document["routes"] = [{"name": "quiet", "match": ['@integration="quiet"'], "priority": "P3"}]
    (tmp_path / "tocsin.yaml").write_text(json.dumps(document))
    cli.done("apply", str(tmp_path / "tocsin.yaml"))


def outcome(cli: Cli, *arguments: str) -> tuple[str, str, str, str]:
    """Title, priority, service and source of the incident."""
    found = cli.done("rehearse", *arguments, *NIGHT, "--for", "1m", "--json").json["incident"]
    return found["title"], found["priority"], found["service"], found["source"]


def test_an_integration_plays_the_example_of_its_kind_a_body_or_labels_on_its_own_way(cli: Cli, tmp_path: Path) -> None:
    with_sources(cli, tmp_path)
    failed = "Backup of the checkout database failed"
    assert outcome(cli, "--source", "mail") == (failed, "P1", "checkout", "mail")
    assert outcome(cli, "--source", "quiet") == (failed, "P3", "checkout", "quiet")
    body = tmp_path / "mail.eml"
    body.write_bytes(b"From: me@example.com\nSubject: Disk is full\n\n")
    assert outcome(cli, "--source", "mail", "--file", str(body)) == ("Disk is full", "P1", "storage", "mail")
    assert outcome(cli, "--source", "mail", "--title", "Slow", "--label", "severity=warning") == (
        *("Slow", "P2", "storage", "mail"),
    )


def test_of_a_body_with_alerts_of_several_problems_the_first_is_played_and_the_others_are_counted(
    cli: Cli, tmp_path: Path
) -> None:
    alerts = [{"status": "firing", "labels": {"alertname": name, "severity": "critical"}} for name in "AB"]
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"version": "4", "groupKey": "", "alerts": alerts}))
    ran = cli.done("rehearse", "--source", "alertmanager", "--file", str(body), *NIGHT, "--for", "1m")
    shown = cli.done("rehearse", "--source", "alertmanager", "--file", str(body), *NIGHT, "--for", "1m", "--json").json
    assert shown["elsewhere"] == (1 if "came with it" in ran.err else 0)
    assert [line["contact"] for line in shown["lines"] if line["what"] == "page"] == ["ops-lead"]


def test_what_only_says_the_end_of_a_problem_or_nothing_is_refused_in_words(cli: Cli, tmp_path: Path) -> None:
    with_sources(cli, tmp_path)
    body = tmp_path / "mail.eml"
    body.write_bytes(b"From: me@example.com\nSubject: RESOLVED: Disk is full\n\n")
    over = cli("rehearse", "--source", "mail", "--file", str(body), *NIGHT)
    assert (over.code, "opens no incident, so nobody is paged" in over.err) == (1, True)
    body.write_bytes(b"no mail")
    unread = cli("rehearse", "--source", "mail", "--file", str(body), *NIGHT)
    assert (unread.code, "$.From can't be read" in unread.err) == (2, True)


MISUSED: dict[str, list[str]] = {
    "a label without a value": ["--label", "severity"],
    "a person who is not there": ["--expect-paged", "nobody"],
    "a limit of nothing": ["--within", "5m"],
    "a time that is none": ["--at", "Saturday"],
    "a span without a unit": ["--ack-after", "12"],
    "an integration that is not there": ["--source", "nobody"],
    "a body of nobody": ["--file", "body.json"],
    "a body and a title": ["--source", "generic", "--file", "body.json", "--title", "Down"],
    "a body and a request": ["--source", "generic", "--file", "body.json", "--request", "1"],
}


@pytest.mark.parametrize("arguments", MISUSED.values(), ids=MISUSED)
def test_misuse_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    assert cli("rehearse", *arguments).code == 2
