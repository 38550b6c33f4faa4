"""`tocsin route try`."""

from pathlib import Path
from typing import Any

import pytest

from engine.bootstrap import DEFAULT, sources
from tests.cli.conftest import Cli

ROUTES = """\
routes:
  - name: production
    match: ['env="prod"', 'severity=~"critical|page"']
    priority: P0
    playbook: performance-issue
    continue: true
  - name: payments
    match: ['team="payments"', '@integration!="generic"']
    service: payments
    priority: P2
    group_by: [cluster]
  - name: unlisted
    match: [team=lost]
    policy: gentle
  - name: everything-else
    service: default
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    text = DEFAULT.read_text(encoding="utf-8")
    services = "services:\n  payments: {title: Payments, policy: gentle}\n"
    text = text.replace("routes: []\n", ROUTES).replace("services:\n", services)
    policies = text[text.index("policies:\n  standard:") : text.index("business_hours:")]
    text = text.replace(policies, policies + policies.replace("policies:\n  standard:", "  gentle:"))
    path = tmp_path / "tocsin.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def way(cli: Cli, *arguments: str) -> Any:
    [found] = cli.done("route", "try", *arguments, "--json").json["alerts"]
    return found


def test_every_route_is_told_with_what_came_of_it_and_why(cli: Cli, file: str) -> None:
    found = way(cli, "env=prod", "severity=critical", "team=payments", "cluster=eu", file)
    assert found["routes"] == [
        {
            "name": "production",
            "tried": True,
            "taken": True,
            "missed": None,
            "found": None,
            "gives": {"priority": "P0", "playbook": "performance-issue"},
            "given_above": [],
            "continue": True,
        },
        {
            "name": "payments",
            "tried": True,
            "taken": True,
            "missed": None,
            "found": None,
            "gives": {"service": "payments", "group_by": ["cluster"]},
            "given_above": ["priority"],
            "continue": False,
        },
        *(
            {
                "name": name,
                "tried": False,
                "taken": False,
                "missed": None,
                "found": None,
                "gives": {},
                "given_above": [],
                "continue": False,
            }
            for name in ("unlisted", "everything-else")
        ),
    ]


def test_the_end_of_the_way_is_told_with_where_each_of_it_comes_from(cli: Cli, file: str) -> None:
    found = way(cli, "env=prod", "severity=critical", "team=payments", "cluster=eu", file)
    assert found["service"] == {"name": "payments", "from": "route payments"}
    assert found["policy"] == {"name": "gentle", "from": "that of the service payments"}
    assert found["priority"] == {"name": "P0", "rule": "route:production", "reason": "the route production gives P0"}
    assert found["playbook"] == {"name": "performance-issue", "reason": "the route production gives it"}
    assert (found["group_by"], found["key"]) == (["cluster"], "payments/cluster=eu")
    everything = ["phone", "email", "slack"]
    assert found["paged_first"] == {"contact": "ops-lead", "level": 1, "channels": everything}
    assert found["otherwise"] is None


ENDS: list[tuple[list[str], str, tuple[str, str], tuple[str, str]]] = [
    (
        ["team=web"],
        "there is no env",
        ("default", "route everything-else"),
        ("standard", "that of the service default"),
    ),
    (["env=test"], "env is 'test'", ("default", "route everything-else"), ("standard", "that of the service default")),
    (
        ["team=payments", "--source", "generic"],
        "@integration is 'generic'",
        ("default", "route everything-else"),
        ("standard", "that of the service default"),
    ),
    (["team=lost", "service=shop"], "team is 'lost'", ("shop", "the alert names it"), ("gentle", "route unlisted")),
    (["team=lost"], "team is 'lost'", ("default", "it is the default"), ("gentle", "route unlisted")),
]


@pytest.mark.parametrize(("arguments", "missed", "service", "policy"), ENDS)
def test_a_route_that_is_not_taken_tells_which_matcher_was_not_met(
    cli: Cli, file: str, arguments: list[str], missed: str, service: tuple[str, str], policy: tuple[str, str]
) -> None:
    shown = cli.done("route", "try", *arguments, file).out
    assert missed in shown
    found = way(cli, *arguments, file)
    assert (found["service"]["name"], found["service"]["from"]) == service
    assert (found["policy"]["name"], found["policy"]["from"]) == policy


def test_it_reads_well_on_a_screen(cli: Cli, file: str) -> None:
    shown = cli.done("route", "try", "env=prod", "severity=critical", "team=payments", file).out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for line in (
        '✓ production env="prod", severity=~"critical|page" priority P0, playbook performance-issue; goes on',
        (
            '✓ payments team="payments", @integration!="generic" service payments, group by cluster; '
            "priority given above already; ends here"
        ),
        "everything-else every alert not tried",
        "policy gentle: that of the service payments",
        "paged first Operations lead (example), ops-lead, of level 1 Operations, by phone, email, slack",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("arguments", "otherwise"),
    [
        (["severity=info"], "the operations queue is told in business hours"),
        (["category=deployment", "priority=P3"], "the operations queue is told in business hours"),
    ],
)
def test_where_nobody_is_paged_it_says_what_happens_instead(
    cli: Cli, file: str, arguments: list[str], otherwise: str
) -> None:
    found = way(cli, *arguments, file)
    assert (found["paged_first"], found["otherwise"]) == (None, otherwise)
    assert f"nobody at once; {otherwise}" in cli.done("route", "try", *arguments, file).out


def test_words_of_the_title_are_classified(cli: Cli, file: str) -> None:
    assert way(cli, "--title", "The whole system is down", file)["priority"]["rule"] == "system-down"


def test_the_alerts_of_a_body_come_as_their_integration_sends_them(cli: Cli, file: str) -> None:
    body = sources()["generic"].example
    ran = cli("route", "try", "--file", "-", "--source", "generic", file, "--json", stdin=body)
    [found] = ran.json["alerts"]
    assert (found["integration"], found["labels"]["team"]) == ("generic", "payments")
    assert found["service"]["from"] == "route everything-else"
    by_kind = cli("route", "try", "--file", "-", "--kind", "generic", file, "--json", stdin=body)
    assert (by_kind.json["alerts"][0]["integration"], by_kind.json["alerts"][0]["service"]["from"]) == (
        "",
        "route payments",
    )


def test_a_body_that_can_not_be_read_is_exit_code_1_with_its_path(cli: Cli, file: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"alerts": [{"labels": 1}]}', encoding="utf-8")
    ran = cli("route", "try", "--file", str(body), "--kind", "alertmanager", file, "--json")
    assert (ran.code, ran.json["alerts"], ran.json["faults"][0]["path"]) == (1, [], "$.alerts[0].labels")
    assert "can't be read" in cli("route", "try", "--file", str(body), "--kind", "alertmanager", file).err


def test_with_a_file_no_database_is_needed(
    cli: Cli, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    cli.done("route", "try", "team=payments", file)
    assert not (tmp_path / "data").exists()


def test_without_a_file_it_goes_by_the_configuration_in_force(cli: Cli, file: str) -> None:
    assert way(cli, "team=payments")["routes"] == []
    cli.done("apply", file)
    assert way(cli, "team=payments")["service"]["from"] == "route payments"


def test_a_faulty_file_is_refused_where_its_first_fault_is(cli: Cli, file: str) -> None:
    path = Path(file)
    path.write_text(path.read_text(encoding="utf-8").replace("service: payments", "service: paymnts"), encoding="utf-8")
    ran = cli("route", "try", "team=payments", file)
    assert (ran.code, ran.out) == (1, "")
    assert "did you mean 'payments'?" in ran.err


MISUSED: dict[str, tuple[list[str], str]] = {
    "two files": (["a.yaml", "b.yaml"], "neither a label"),
    "a forged integration": (["@integration=alertmanager"], "give it by --source"),
    "an integration that is not there": (["--source", "none"], "not in integrations"),
    "a body of nobody": (["--file", "-"], "say who sends such a body"),
    "a body and labels": (["team=web", "--file", "-", "--kind", "generic"], "either labels or --file"),
    "a body of another kind": (["--file", "-", "--kind", "generic", "--source", "alertmanager"], "is of the kind"),
    "a kind that is not there": (["--file", "-", "--kind", "none"], "there is no source"),
}


@pytest.mark.parametrize(("arguments", "said"), MISUSED.values(), ids=MISUSED)
def test_misuse_is_exit_code_2_and_says_what_would_be_right(cli: Cli, arguments: list[str], said: str) -> None:
    ran = cli("route", "try", *arguments, stdin=b"{}")
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_what_a_table_gives_is_told_and_counts(cli: Cli, file: str) -> None:
    path = Path(file)
    (path.parent / "hosts.yaml").write_text("- {instance: web-1, team: payments}\n", encoding="utf-8")
    table = "enrichment: [{file: hosts.yaml, by: [instance], set: [team]}]\n"
    path.write_text(path.read_text(encoding="utf-8").replace("enrichment: []\n", table), encoding="utf-8")
    found = way(cli, "instance=web-1", file)
    assert found["added"] == [{"file": "hosts.yaml", "labels": {"team": "payments"}}]
    assert found["service"]["from"] == "route payments"
    assert 'hosts.yaml team="payments"' in " ".join(cli.done("route", "try", "instance=web-1", file).out.split())
