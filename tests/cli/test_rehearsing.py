"""`tocsin rehearse`."""

from pathlib import Path

import pytest

from engine.bootstrap import DEFAULT
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


MISUSED: dict[str, list[str]] = {
    "a label without a value": ["--label", "severity"],
    "a person who is not there": ["--expect-paged", "nobody"],
    "a limit of nothing": ["--within", "5m"],
    "a time that is none": ["--at", "Saturday"],
    "a span without a unit": ["--ack-after", "12"],
}


@pytest.mark.parametrize("arguments", MISUSED.values(), ids=MISUSED)
def test_misuse_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    assert cli("rehearse", *arguments).code == 2
