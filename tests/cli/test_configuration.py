"""`tocsin check|plan|apply`."""

from pathlib import Path

import pytest

from engine.bootstrap import DEFAULT
from tests.cli.conftest import Cli


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped configuration with the P0 response due a minute later."""
    return written(tmp_path, "respond_within: 5m\n      lease", "respond_within: 6m\n      lease")


def written(folder: Path, old: str, new: str) -> Path:
    text = DEFAULT.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "tocsin.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_the_shipped_configuration_has_no_fault_and_says_what_is_not_set_up(cli: Cli) -> None:
    ran = cli.done("check")
    assert ran.out.strip() == f"{DEFAULT}: no fault"
    assert "channels.slack can't send: SLACK_BOT_TOKEN is not set" in ran.err
    assert "pages go to the log" in ran.err


def test_check_looks_at_the_file_of_the_settings_unless_one_is_named(
    cli: Cli, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_CONFIG", str(changed))
    assert cli.done("check", "--json").json["file"] == str(changed)
    assert cli.done("check", str(DEFAULT), "--json").json["file"] == str(DEFAULT)


def test_every_finding_is_shown_with_file_line_path_and_remedy(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, "primary: cto", "primary: ctoo")
    line = path.read_text(encoding="utf-8").splitlines().index("    primary: ctoo") + 1
    ran = cli("check", str(path))
    assert ran.code == 1
    assert (
        ran.out.strip() == f"{path}:{line}: levels.executive.primary: there is no contact 'ctoo'; did you mean 'cto'?"
    )
    assert ran.err.strip() == f"tocsin: {path}: 1 fault"
    [finding] = cli("check", str(path), "--json").json["findings"]
    assert (finding["line"], finding["path"]) == (line, "levels.executive.primary")


def test_a_level_that_nobody_could_be_reached_on_just_now_is_a_warning(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    path = written(
        tmp_path, "reach: {email: cto@example.com, phone: +1-555-0105}", "reach: {slack: U1, phone: +1-555-0105}"
    )
    assert cli.done("check").err.count("nobody can be reached") == 1
    assert "levels.executive: nobody can be reached" in cli.done("check").err
    assert "nobody can be reached" not in cli.done("check", str(path)).err


def test_a_plan_shows_what_would_change_and_changes_nothing(cli: Cli, changed: Path) -> None:
    for _ in range(2):
        changes = cli.done("plan", str(changed), "--json").json["changes"]
        assert changes == [{"path": "policies.standard.P0.respond_within", "before": "5m", "after": "6m"}]
    assert "policies.standard.P0.respond_within   5m         6m" in cli.done("plan", str(changed)).out
    assert cli.done("plan", str(DEFAULT)).out.strip() == "Nothing would change."


def test_applying_makes_the_next_revision_once(cli: Cli, changed: Path) -> None:
    assert "Revision 2 is in force: 1 value changed." in cli.done("apply", str(changed)).out
    assert cli.done("apply", str(changed), "--json").json == {"revision": 2, "new": False}
    assert cli.done("plan", str(changed)).out.strip() == "Nothing would change."


@pytest.mark.parametrize("command", ["plan", "apply", "rehearse"])
def test_a_faulty_file_is_refused_in_one_line_that_says_where_the_first_fault_is(
    cli: Cli, tmp_path: Path, command: str
) -> None:
    path = written(tmp_path, "primary: cto\n    secondary: vp-engineering", "primary: ctoo\n    secondary: vp")
    ran = cli(command, *(["--config"] if command == "rehearse" else []), str(path))
    assert (ran.code, ran.out) == (1, "")
    assert "there is no contact 'ctoo'" in ran.err
    assert f"and 1 more; `tocsin check {path}` shows them all" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_file_that_is_not_there_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    ran = cli("apply", str(tmp_path / "none.yaml"))
    assert ran.code == 1
    assert "No such file or directory" in ran.err


def test_new_folders_of_playbooks_come_with_the_advice_to_start_again(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    path = written(tmp_path, "folders: []", f"folders: [{folder}]")
    assert "a running engine reads them at its next start" in cli.done("apply", str(path)).err
