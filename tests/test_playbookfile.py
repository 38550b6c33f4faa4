"""Playbooks come from folders; the shipped ones hold every step of the documented runbooks, in order."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.errors import ConfigError, Finding
from engine.core.model import State
from engine.core.playbook import Playbook, steps_of
from engine.playbookfile import load_playbooks, shipped_folder

GOOD = """\
name: {name}
title: {title}
sections:
  - title: See
    phase: assessment
    steps:
      - id: look
        title: Look
"""

RUNBOOKS: dict[str, list[tuple[str, list[str]]]] = {
    "p0-critical-incident": [
        ("Immediate assessment", ["Confirm severity", "Assess impact", "Notify the team"]),
        ("Initial response", ["Mitigate", "Tell users", "Escalate"]),
        ("Investigation", ["Root cause", "Systems", "Logs"]),
        ("Resolution", ["Fix", "Restore", "Validate"]),
        ("Communication", ["Status updates", "Resolution notice", "Post-incident report"]),
    ],
    "p1-high-priority-incident": [
        ("Assessment and notification", ["Confirm severity", "Assess impact", "Notify the team"]),
        ("Investigation and diagnosis", ["Collect evidence", "Narrow it down", "State the cause"]),
        ("Resolution planning", ["Strategy", "Plan", "Time estimate"]),
        ("Resolution implementation", ["Deploy", "Test", "Validate"]),
        ("Closure and follow-up", ["Confirm", "Document", "Improve the process"]),
    ],
    "performance-issue": [
        ("Detection", ["Alert", "User report", "Analysis"]),
        ("Impact on users", ["Measure the impact on users", "Relieve users"]),
        ("Root cause", ["Bottleneck", "What set it off"]),
        ("Optimization", ["Deploy the optimization", "Validate the optimization"]),
        ("Improvement", ["Confirm the improvement", "Monitoring goes on"]),
    ],
    "security-incident": [
        ("Detection", ["Check the signal", "Detected within 1 minute?"]),
        (
            "Response within 15 minutes",
            [
                "Take command",
                "Confirm severity",
                "Preserve evidence",
                "A person decides on containment",
                "Contain",
            ],
        ),
        ("External parties", ["Security incident response", "Legal and compliance", "Cloud provider support"]),
        ("Investigation", ["Way in", "Scope"]),
        ("Resolution", ["Close the way in", "Restore clean", "Validate"]),
        ("Review", ["Complete the record", "Notify those affected", "Improve the defence"]),
    ],
}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Playbook]:
    return load_playbooks([shipped_folder()])


def put(folder: Path, file: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(text, encoding="utf-8")
    return folder


def findings(*folders: Path) -> tuple[Finding, ...]:
    with pytest.raises(ConfigError) as raised:
        load_playbooks(folders)
    return raised.value.findings


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_shipped_playbook_has_every_documented_step_in_order(shipped: dict[str, Playbook], name: str) -> None:
    sections = [(section.title, [step.title for step in section.steps]) for section in shipped[name].sections]
    assert sections == RUNBOOKS[name]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_shipped_step_says_what_to_do_and_comes_in_the_order_of_the_phases(
    shipped: dict[str, Playbook], name: str
) -> None:
    steps = steps_of(shipped[name])
    phases = [list(State).index(State(step.phase)) for step in steps]
    assert phases == sorted(phases)
    assert [step.number for step in steps if not 40 <= len(step.detail) <= 300] == []
    assert shipped[name].applies


def test_the_shipped_playbooks_are_the_documented_ones(shipped: dict[str, Playbook]) -> None:
    assert shipped.keys() >= RUNBOOKS.keys()


def test_a_security_incident_is_answered_within_15_minutes_whatever_its_priority(shipped: dict[str, Playbook]) -> None:
    assert shipped["security-incident"].respond_within == timedelta(minutes=15)


def test_a_later_folder_replaces_a_playbook_of_the_same_name(tmp_path: Path) -> None:
    first = put(tmp_path / "first", "a.yaml", GOOD.format(name="a", title="Theirs"))
    put(first, "b.yml", GOOD.format(name="b", title="Kept"))
    second = put(tmp_path / "second", "other.yaml", GOOD.format(name="a", title="Ours"))
    loaded = load_playbooks([first, second])
    assert {name: playbook.title for name, playbook in loaded.items()} == {"a": "Ours", "b": "Kept"}


def test_only_yaml_files_that_are_not_hidden_are_read(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt", "none")
    put(tmp_path, ".draft.yaml", "[")
    assert load_playbooks([tmp_path]) == {}


def test_two_playbooks_of_one_name_in_a_folder_are_a_finding_at_the_second(tmp_path: Path) -> None:
    put(tmp_path, "1.yaml", GOOD.format(name="same", title="One"))
    put(tmp_path, "2.yaml", "# mine\n" + GOOD.format(name="same", title="Two"))
    (finding,) = findings(tmp_path)
    assert (finding.file, finding.line, finding.path) == (str(tmp_path / "2.yaml"), 2, "name")
    assert finding.wrong == f"{tmp_path / '1.yaml'} is named 'same' too"


@pytest.mark.parametrize(
    ("before", "after", "line", "path", "says"),
    [
        ("title: Look", "titel: Look", 8, "sections[0].steps[0].titel", "did you mean 'title'?"),
        ("        title: Look\n", "", 7, "sections[0].steps[0].title", "it is missing"),
        ("assessment", "closed", 5, "sections[0].phase", "'closed' is not known here; write 'detection', "),
        ("id: look", "id: Look It Up", 7, "sections[0].steps[0].id", "use lower-case letters"),
        ("title: Look", "title: Look\n        kind: manul", 9, "sections[0].steps[0].kind", "did you mean 'manual'?"),
        ("name: a", "name: a\nrespond_within: 15", 2, "respond_within", "write it like 90s, 15m"),
        ("title: Look", "title: Look\n      - {id: look, title: Again}", 1, "$", "'look' is used more than once"),
        ("sections:", "sections: [", None, "$", "expected"),
    ],
)
def test_a_fault_is_named_with_its_line_its_path_and_what_would_be_right(
    tmp_path: Path, before: str, after: str, line: int | None, path: str, says: str
) -> None:
    put(tmp_path, "a.yaml", GOOD.format(name="a", title="A").replace(before, after))
    found = findings(tmp_path)
    (finding,) = [finding for finding in found if says in str(finding)]
    assert (finding.file, finding.path) == (str(tmp_path / "a.yaml"), path)
    assert line in (None, finding.line)


def test_the_faults_of_all_files_and_folders_are_named_at_once(tmp_path: Path) -> None:
    bad = put(tmp_path / "bad", "1.yaml", "- no playbook")
    put(bad, "2.yaml", "")
    (bad / "3.yaml").write_bytes(b"name: \xff")
    missing = tmp_path / "missing"
    found = findings(bad, missing)
    assert [Path(finding.file).name for finding in found] == ["1.yaml", "2.yaml", "3.yaml", "missing"]
    assert "No such file or directory" in found[-1].wrong


def test_another_step_kind_is_welcome_once_it_is_known(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", GOOD.format(name="a", title="A") + "        kind: restart\n")
    loaded = load_playbooks([tmp_path], kinds={"manual", "restart"})
    assert steps_of(loaded["a"])[0].kind == "restart"
