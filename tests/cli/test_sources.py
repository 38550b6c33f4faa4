"""`tocsin source list|example|try`."""

import json
from pathlib import Path

import pytest

from engine.api.parts import WEBHOOK_LIMIT
from engine.bootstrap import DEFAULT, sources
from tests.cli.conftest import Cli, Ran

EVERY_KIND = sorted(sources())
TWO = {
    "version": "4",
    "alerts": [
        {"status": "firing", "labels": {"alertname": "Down", "severity": "critical"}, "annotations": {}},
        {"status": "firing", "labels": "none"},
    ],
}


def tried(cli: Cli, kind: str, body: bytes, *arguments: str) -> Ran:
    """With the body on standard input."""
    return cli("source", "try", kind, "-", *arguments, stdin=body)


def test_every_source_is_listed_with_its_settings(cli: Cli) -> None:
    items = cli.done("source", "list", "--json").json["items"]
    assert [item["kind"] for item in items] == EVERY_KIND
    for item in items:
        found = sources()[item["kind"]]
        assert (item["title"], item["settings"]) == (found.title, list(found.settings.model_fields))
    assert "Prometheus Alertmanager" in cli.done("source", "list").out


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize(("option", "status"), [([], "firing"), (["--resolved"], "resolved")])
def test_the_example_of_every_source_can_be_piped_into_the_trial(
    cli: Cli, kind: str, option: list[str], status: str
) -> None:
    printed = cli.done("source", "example", kind, *option).out.encode()
    ran = tried(cli, kind, printed, "--json")
    assert (ran.code, ran.json["kind"], ran.json["faults"]) == (0, kind, [])
    if (kind, status) == ("cloudwatch", "resolved"):
        assert ran.json["note"].startswith("sent more than an hour ago, so it ends nothing")
        return
    assert ran.json["note"] == ""
    [alert] = ran.json["alerts"]
    assert alert["status"] == status


def test_an_alert_is_shown_field_by_field_with_what_is_missing(cli: Cli) -> None:
    shown = tried(cli, "alertmanager", sources()["alertmanager"].example).out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "Alert 1 of 1"
    for line in (
        "status firing",
        "title 12% of checkouts fail on web-1",
        "service checkout",
        "ends_at \u2013",
        "labels.severity critical",
        "links[1] Runbook: https://runbooks.example/high-error-rate",
    ):
        assert any(line in one for one in lines), line


def test_what_can_not_be_read_is_told_with_its_json_path_beside_what_can(cli: Cli) -> None:
    body = json.dumps(TWO).encode()
    ran = tried(cli, "alertmanager", body, "--json")
    assert ran.code == 0
    assert [alert["title"] for alert in ran.json["alerts"]] == ["Down"]
    assert [fault["path"] for fault in ran.json["faults"]] == ["$.alerts[1].labels"]
    assert "$.alerts[1].labels" in tried(cli, "alertmanager", body).out


@pytest.mark.parametrize("body", [b"", b"{}", b"alert!", json.dumps({"alerts": [{"labels": 1}]}).encode()])
def test_where_nothing_can_be_read_the_exit_code_is_1_and_the_fault_is_told(cli: Cli, body: bytes) -> None:
    ran = tried(cli, "alertmanager", body, "--json")
    assert (ran.code, ran.json["alerts"]) == (1, [])
    [fault] = ran.json["faults"]
    assert fault["path"].startswith("$")
    assert "nothing of it can be read as what Prometheus Alertmanager sends" in ran.err


def test_a_captured_body_is_read_from_a_file(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(sources()["generic"].example)
    assert len(cli.done("source", "try", "generic", str(file), "--json").json["alerts"]) == 1
    missing = cli("source", "try", "generic", str(tmp_path / "none.json"))
    assert (missing.code, missing.err.strip()) == (1, f"tocsin: {tmp_path / 'none.json'}: No such file or directory")


def test_it_is_read_as_a_configured_integration_would(cli: Cli, tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    own = '  backups:\n    source: generic\n    fields: {title: "job.name", fingerprint: "job.id"}\n'
    config = tmp_path / "tocsin.yaml"
    config.write_text(text.replace("integrations:\n", f"integrations:\n{own}"), encoding="utf-8")
    body = b'{"job": {"id": "j-7", "name": "Backup failed"}}'
    given = ["--settings-from", "backups", "--json"]
    from_file = tried(cli, "generic", body, *given, "--config", str(config))
    assert [(one["title"], one["fingerprint"]) for one in from_file.json["alerts"]] == [("Backup failed", "j-7")]
    cli.done("apply", str(config))
    assert tried(cli, "generic", body, *given).json == from_file.json
    assert tried(cli, "generic", body).code == 1


def test_with_a_file_or_without_settings_no_database_is_needed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    example = sources()["generic"].example
    assert tried(cli, "generic", example).code == 0
    assert tried(cli, "generic", example, "--settings-from", "generic", "--config", str(DEFAULT)).code == 0
    assert not (tmp_path / "data").exists()


def test_what_a_body_holds_can_not_drive_the_terminal(cli: Cli) -> None:
    body = json.dumps({"title": "x\u001b[2J\u202e", "labels": {"a\u001b[1m": "b\u0007"}}).encode()
    shown = tried(cli, "generic", body).out
    assert "\u001b" not in shown
    assert "\u0007" not in shown


MISUSED: dict[str, list[str]] = {
    "a source that is not there": ["source", "try", "grafanna", "-"],
    "no body": ["source", "try", "generic"],
    "an example of nothing": ["source", "example", "none"],
    "an integration that is not there": ["source", "try", "generic", "-", "--settings-from", "none"],
    "an integration of another kind": ["source", "try", "generic", "-", "--settings-from", "alertmanager"],
    "a header that is none": ["source", "try", "generic", "-", "--header", "x-event"],
}


@pytest.mark.parametrize("arguments", MISUSED.values(), ids=MISUSED)
def test_misuse_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments, stdin=b"{}").code == 2


def test_more_than_a_webhook_takes_is_refused(cli: Cli) -> None:
    ran = tried(cli, "generic", b" " * (WEBHOOK_LIMIT + 1))
    assert ran.code == 2
    assert "larger than the 16777216 bytes" in ran.err
