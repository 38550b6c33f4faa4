"""Tokens, webhook addresses, the database, and what holds for every command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

import engine
from engine.bootstrap import DEFAULT
from engine.cli.integrations import mail_address
from engine.cli.program import app
from engine.config.document import parse
from tests.cli.conftest import Cli, Ran


def test_the_version_is_shown(cli: Cli) -> None:
    assert cli.done("--version").out.strip() == f"tocsin {engine.__version__}"


def commands(group: TyperGroup, *above: str) -> Iterator[list[str]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *above, name)
        else:
            yield [*above, name]


COMMANDS = list(commands(cast("TyperGroup", get_command(app))))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(path: list[str]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_every_command_of_the_contract_is_there() -> None:
    verbs = "list show open ack advance resolve reopen escalate hold note close cancel merge assign reprioritize"
    wanted = {f"incident {verb}" for verb in [*verbs.split(), "document", "tick"]}
    wanted |= {"serve", "demo", "check", "plan", "apply", "report", "verify", "rehearse", "webhooks", "db upgrade"}
    wanted |= {"token create", "token list", "token revoke", "heartbeat list", "probe list", "probe try"}
    assert wanted <= {" ".join(path) for path in COMMANDS}


def test_an_administrators_token_that_is_made_is_shown_once(cli: Cli) -> None:
    assert re.search(r"administrator's token, shown this once: tocsin_\S{40,}", cli.done("incident", "list").err)
    assert cli.done("incident", "list").err == ""


def test_a_token_is_made_shown_once_listed_and_revoked(cli: Cli) -> None:
    made = cli.done("token", "create", "ci", "--role", "responder", "--contact", "ops-lead")
    assert re.fullmatch(r"tocsin_\S{40,}\n", made.out)
    listed = {one["name"]: one for one in cli.done("token", "list", "--json").json["items"]}
    assert (listed["ci"]["role"], listed["ci"]["contact"], listed["ci"]["revoked_at"]) == (
        "responder",
        "ops-lead",
        None,
    )
    assert made.out.strip() not in cli.done("token", "list").out
    cli.done("token", "revoke", "ci")
    assert cli("token", "revoke", "ci").code == 1


REFUSED: dict[str, tuple[list[str], int]] = {
    "a name that is taken": (["create", "admin", "--role", "viewer"], 1),
    "a contact that is not there": (["create", "x", "--role", "viewer", "--contact", "nobody"], 1),
    "no role": (["create", "x"], 2),
    "a role that is none": (["create", "x", "--role", "king"], 2),
}


@pytest.mark.parametrize(("arguments", "code"), REFUSED.values(), ids=REFUSED)
def test_a_token_that_cannot_be_is_refused(cli: Cli, arguments: list[str], code: int) -> None:
    cli.done("token", "list")
    assert cli("token", *arguments).code == code


def test_webhook_addresses_are_whole_and_stay_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_BASE_URL", "https://tocsin.example.com")
    first = cli.done("webhooks", "--json").json["items"]
    assert [one["integration"] for one in first] == ["alertmanager", "generic"]
    assert re.fullmatch(r"https://tocsin\.example\.com/webhooks/alertmanager/[0-9a-f]{32}", first[0]["url"])
    assert cli.done("webhooks", "--json").json["items"] == first
    assert first[0]["url"] in cli.done("webhooks").out


def with_heartbeat(tmp_path: Path, cli: Cli) -> None:
    changed = DEFAULT.read_text().replace("heartbeats: {}", "heartbeats: {backup: {every: 1d, grace: 1h}}")
    (tmp_path / "tocsin.yaml").write_text(changed)
    cli.done("apply", str(tmp_path / "tocsin.yaml"))


def test_the_addresses_of_heartbeats_are_printed_with_them(cli: Cli, tmp_path: Path) -> None:
    with_heartbeat(tmp_path, cli)
    [one] = cli.done("webhooks", "--json").json["heartbeats"]
    assert one["heartbeat"] == "backup"
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/heartbeats/[0-9a-f]{32}", one["url"])
    assert one["url"] in cli.done("webhooks").out


def test_heartbeats_are_listed_with_when_each_is_due(cli: Cli, tmp_path: Path) -> None:
    assert cli.done("heartbeat", "list", "--json").json == {"items": []}
    with_heartbeat(tmp_path, cli)
    [one] = cli.done("heartbeat", "list", "--json").json["items"]
    assert (one["name"], one["state"], one["every_s"], one["last_success_at"]) == ("backup", "waiting", 86_400, None)
    shown = cli.done("heartbeat", "list").out
    assert "waiting" in shown
    assert "never" in shown


def test_probes_are_listed_and_tried_by_hand(cli: Cli, tmp_path: Path) -> None:
    assert cli.done("probe", "list", "--json").json == {"items": []}
    entry = "probes: {names: {kind: dns, host: localhost}, nobody: {kind: dns, host: nobody.invalid}}"
    (tmp_path / "tocsin.yaml").write_text(DEFAULT.read_text().replace("probes: {}", entry))
    cli.done("apply", str(tmp_path / "tocsin.yaml"))
    listed = cli.done("probe", "list", "--json").json["items"]
    assert [(one["name"], one["kind"], one["state"]) for one in listed] == [
        ("names", "dns", "new"),
        ("nobody", "dns", "new"),
    ]
    assert "new" in cli.done("probe", "list").out
    tried = cli.done("probe", "try", "names", "--json").json
    assert (tried["ok"], tried["reason"].startswith("localhost resolves to ")) == (True, True)
    failed = cli("probe", "try", "nobody")
    assert (failed.code, "the name does not resolve" in failed.out) == (1, True)
    assert cli("probe", "try", "nowhere").code == 1


def test_the_schema_can_be_brought_up_to_date_again_and_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert cli.done("db", "upgrade", "--json").json == {"upgraded": True, "dialect": "sqlite"}
    assert "this release's schema" in cli.done("db", "upgrade").out


def test_the_same_commands_work_on_either_kind_of_database(
    cli: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", database_url)
    ref = cli.opened()
    cli.done("incident", "ack", ref, "--as", "ops-lead")
    assert cli.done("incident", "list", "--json").json["items"][0]["acknowledged_by"] == "ops-lead"
    cli.done("verify")


UNUSABLE = {
    "a server that is not there": "postgresql://tocsin:s3cr3t@127.0.0.1:1/tocsin",
    "a folder that is not there": "sqlite:////nowhere/at/all.db",
    "a file that is no database": "sqlite:///{folder}/text.db",
    "another kind of database": "mysql://tocsin:s3cr3t@127.0.0.1/tocsin",
}


@pytest.mark.parametrize("command", [["incident", "list"], ["db", "upgrade"]], ids=" ".join)
@pytest.mark.parametrize("url", UNUSABLE.values(), ids=UNUSABLE)
def test_a_database_that_cannot_be_used_is_one_line_without_its_password(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, command: list[str]
) -> None:
    (tmp_path / "text.db").write_text("not a database at all " * 10)
    monkeypatch.setenv("TOCSIN_DATABASE_URL", url.format(folder=tmp_path))
    ran: Ran = cli(*command)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert "please report" not in ran.err
    assert "s3cr3t" not in ran.err


def test_the_data_folder_is_for_its_owner_alone(cli: Cli, tmp_path: Path) -> None:
    cli.done("incident", "list")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_mail_addresses_are_printed_once_mail_is_listened_for(cli: Cli, tmp_path: Path) -> None:
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    document["integrations"]["post"] = {"source": "email", "key": "a-key-for-mail"}
    (tmp_path / "tocsin.yaml").write_text(json.dumps(document))
    cli.done("apply", str(tmp_path / "tocsin.yaml"))
    assert cli.done("webhooks", "--json").json["mail"] == []
    (tmp_path / "tocsin.yaml").write_text(json.dumps(document | {"smtp_listener": {}}))
    cli.done("apply", str(tmp_path / "tocsin.yaml"))
    expected = [{"integration": "post", "address": "a-key-for-mail@[127.0.0.1]"}]
    assert cli.done("webhooks", "--json").json["mail"] == expected
    assert "a-key-for-mail@[127.0.0.1]" in cli.done("webhooks").out


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://tocsin.example.com:8443/in", "KEY@tocsin.example.com"),
        ("http://10.1.2.3:8080", "KEY@[10.1.2.3]"),
        ("http://[::1]:8080", "KEY@[IPv6:::1]"),
    ],
)
def test_a_mail_address_has_the_host_that_people_reach_the_engine_at(base: str, address: str) -> None:
    assert mail_address(base, "KEY") == address


def test_the_address_of_the_report_page_is_printed_once_it_is_on(cli: Cli, tmp_path: Path) -> None:
    assert cli.done("webhooks", "--json").json["report_page"] is None
    (tmp_path / "tocsin.yaml").write_text(f"{DEFAULT.read_text()}\nreport_page: {{}}\n")
    cli.done("apply", str(tmp_path / "tocsin.yaml"))
    url = cli.done("webhooks", "--json").json["report_page"]
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/report/[0-9a-f]{32}", url)
    assert url in cli.done("webhooks").out
