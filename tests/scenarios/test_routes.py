"""Routes: which incident, policy, priority and playbook an alert comes to, and what the record says of it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import KEY, Document, Stage
from tests.scenarios.test_canary import with_canary

OTHER_KEY = "another-webhook-key"


def with_routes(document: Document) -> None:
    """The policy `quick` pages engineering after 10 minutes in place of 30."""
    quick = deepcopy(document["policies"]["standard"])
    quick["P0"]["steps"][1]["after"] = "10m"
    document["policies"]["quick"] = quick
    document["services"]["payments"] = {"title": "Payments", "policy": "standard"}
    document["integrations"]["other"] = {"source": "alertmanager", "key": OTHER_KEY, "service": "payments"}
    document["routes"] = [
        {
            "name": "prod",
            "match": ['env="prod"', '@integration="alertmanager"'],
            "policy": "quick",
            "priority": "P0",
            "playbook": "performance-issue",
            "continue": True,
        },
        {"name": "pay", "match": ['team=~"pay.*"'], "service": "payments", "group_by": ["cluster"]},
        {"name": "rest", "service": "default"},
    ]


async def fire(stage: Stage, name: str, key: str = KEY, **labels: str) -> str:
    ref: str = (await stage.fire(name, key=key, env="prod", **labels))["incident"]
    return ref


async def test_routes_say_whose_it_is_how_urgent_by_which_ladder_and_with_which_playbook(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_routes) as stage:
        ref = await fire(stage, "SlowCheckout", team="payments", cluster="eu")
        shown = await stage.incident(ref)
        assert (shown["service"], shown["policy"], shown["priority"]) == ("payments", "quick", "P0")
        assert shown["classification"]["rule"] == "route:prod"
        assert shown["playbook"].startswith("performance-issue@")
        await stage.to(minute=11)
        assert {(one.at, one.who) for one in stage.received if one.who == "eng-manager"} == {(600, "eng-manager")}


async def test_the_opening_is_on_record_with_the_routes_that_were_taken_and_why(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_routes) as stage:
        ref = await fire(stage, "SlowCheckout", team="payments", cluster="eu")
        opened, *lines = await stage.timeline(ref)
        assert opened["data"]["routes"] == ["prod", "pay"]
        assert opened["data"]["placed"] == (
            'route prod (env="prod", @integration="alertmanager"): policy quick, priority P0, playbook '
            'performance-issue; route pay (team=~"pay.*"): service payments, group by cluster'
        )
        [attached] = [line for line in lines if line["kind"] == "playbook.attached"]
        assert attached["reason"] == "the route prod gives it"
        report = (await stage.http.get(f"/api/v1/incidents/{ref}/report?format=md")).text
        assert "service payments, group by cluster" in report


async def test_alerts_of_one_group_are_one_incident_whatever_their_names(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_routes) as stage:
        first = await fire(stage, "SlowCheckout", team="payments", cluster="eu")
        assert await fire(stage, "CardsRefused", team="payments", cluster="eu") == first
        assert await fire(stage, "CardsRefused", team="payments", cluster="us") != first


async def test_a_label_that_is_named_like_the_integration_opens_no_door(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_routes) as stage:
        ref = await fire(
            stage, "SlowCheckout", key=OTHER_KEY, **{"@integration": "alertmanager", "severity": "warning"}
        )
        shown = await stage.incident(ref)
        assert (shown["service"], shown["policy"], shown["priority"]) == ("default", "standard", "P2")
        assert (await stage.timeline(ref))[0]["data"]["placed"] == "route rest (every alert): service default"


async def test_the_playbook_that_a_route_gives_stays_when_the_priority_changes(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_routes) as stage:
        ref = await fire(stage, "CardsRefused", team="payments", cluster="eu")
        before = (await stage.incident(ref))["playbook"]
        assert (await stage.command(ref, "reprioritize", priority="P1", reason="few users")).status_code == 200
        assert (await stage.incident(ref))["playbook"] == before
        other = await fire(stage, "CardsRefused", key=OTHER_KEY, severity="warning")
        assert (await stage.incident(other))["playbook"] is None
        assert (await stage.command(other, "reprioritize", priority="P1", reason="many")).status_code == 200
        assert (await stage.incident(other))["playbook"].startswith("p1-high-priority-incident@")


async def test_a_person_s_report_takes_the_routes_of_what_comes_through_no_integration(open_stage: OpenStage) -> None:
    def edit(document: Document) -> None:
        with_routes(document)
        by_hand = {"name": "by-hand", "match": ['@integration=""'], "service": "payments", "priority": "P3"}
        document["routes"].insert(0, by_hand)

    async with open_stage(edit=edit) as stage:
        answer = await stage.http.post("/api/v1/incidents", json={"title": "Something is odd"})
        assert (answer.json()["service"], answer.json()["priority"]) == ("payments", "P3")
        given = await stage.http.post("/api/v1/incidents", json={"title": "All is lost", "priority": "P0"})
        assert given.json()["priority"] == "P0"


async def test_a_route_for_everything_does_not_lead_the_canary_astray(open_stage: OpenStage) -> None:
    def edit(document: Document) -> None:
        with_canary(document)
        document["routes"] = [{"name": "rest", "service": "default", "priority": "P0"}]

    async with open_stage(edit=edit) as stage:
        for _ in range(2):
            await stage.app.canaries.look()
            await stage.settle()
        assert [(one.channel, one.who) for one in stage.received] == [("email", "canary")]
        assert (await stage.incident("INC-1"))["state"] == "review"


async def test_an_incident_keeps_the_labels_that_a_table_gave_when_it_was_opened(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts.csv"
    hosts.write_text("instance,team,cluster\nweb-1,payments,eu\n", encoding="utf-8")

    def edit(document: Document) -> None:
        with_routes(document)
        document["enrichment"] = [{"file": str(hosts), "by": ["instance"], "set": ["team", "cluster"]}]

    async with open_stage(edit=edit) as stage:
        ref = await fire(stage, "CardsRefused", instance="web-1")
        shown = await stage.incident(ref)
        assert (shown["service"], shown["key"]) == ("payments", "payments/cluster=eu")
        assert {name: shown["alerts"][0]["labels"][name] for name in ("team", "cluster")} == {
            "team": "payments",
            "cluster": "eu",
        }
        placed = (await stage.timeline(ref))[0]["data"]["placed"]
        assert placed.startswith('hosts.csv gives team="payments", cluster="eu"; route prod (')
        hosts.unlink()
        assert await fire(stage, "CardsRefused", instance="web-1") == ref
