"""Which alert may mute which, and in which order those that come together are dealt with."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest

from engine.core.inhibiting import Claim, Inhibitions, Sides, inhibited, next_wave
from engine.core.intake import Placed
from engine.core.policy import Inhibition
from tests.core.cases import LEAD, alert, cleared, placed


def rule(
    name: str = "down", source: str = 'alertname="ClusterDown"', target: str = 'severity="warning"', **more: Any
) -> Inhibition:
    given = {"name": name, "source_matchers": [source], "target_matchers": [target], **more}
    return Inhibition.model_validate(given)


DOWN = rule(equal=["cluster", "service"])


def sides(one: Placed, *rules: Inhibition) -> Sides:
    return Inhibitions(rules or (DOWN,)).sides(one)


def told(**labels: str) -> Placed:
    return placed(alert(**labels))


CAUSE = told(alertname="ClusterDown", cluster="eu")


@pytest.mark.parametrize(
    ("labels", "muted"),
    [
        ({"severity": "warning", "cluster": "eu"}, True),
        ({"severity": "warning", "cluster": "us"}, False),
        ({"severity": "warning"}, False),
        ({"severity": "critical", "cluster": "eu"}, False),
    ],
)
def test_an_alert_is_muted_by_one_whose_labels_under_equal_are_the_same(labels: dict[str, str], *, muted: bool) -> None:
    (source,) = sides(CAUSE).sources
    targets = sides(told(**labels)).targets
    assert (source.key in {claim.key for claim in targets}) is muted


def test_a_label_that_both_lack_is_alike_and_so_is_the_service_they_are_given_to() -> None:
    (source,) = sides(told(alertname="ClusterDown")).sources
    (target,) = sides(told(severity="warning")).targets
    assert source.key == target.key
    (elsewhere,) = sides(replace(told(severity="warning"), service="billing")).targets
    assert elsewhere.key != source.key


def test_values_are_not_taken_for_one_another() -> None:
    both = rule(equal=["a", "b"])
    keys = {
        sides(told(severity="warning", **own), both).targets[0].key for own in ({"a": "x"}, {"b": "x"}, {"a": 'x", "'})
    }
    assert len(keys) == 3


def test_what_has_cleared_is_on_no_side_and_a_person_s_report_can_not_be_muted() -> None:
    gone = replace(CAUSE, alert=replace(cleared(), labels=CAUSE.alert.labels))
    assert (sides(gone).sources, sides(gone).targets) == ((), ())
    report = replace(told(severity="warning", alertname="ClusterDown"), actor=LEAD)
    assert (len(sides(report).sources), sides(report).targets) == (1, ())


def test_an_alert_on_both_sides_says_so_on_both() -> None:
    one = sides(told(alertname="ClusterDown", severity="warning"))
    assert ([claim.both for claim in one.sources], [claim.both for claim in one.targets]) == ([True], [True])
    assert [claim.both for claim in sides(CAUSE).sources] == [False]


def test_the_outcome_names_the_rule_and_the_incident_that_causes_it() -> None:
    found = inhibited(Claim(rule="down", key="down/x", both=False), 7)
    assert (found.action, found.rule, found.incident, found.record) == (
        *("inhibited", "inhibition/down", 7),
        "inhibition/down/INC-7",
    )
    assert found.reason == "inhibition/down: an alert that explains it fires in INC-7"


A = rule("a", 'job="one"', 'job="two"')
B = rule("b", 'job="two"', 'job="three"')
BACK = rule("c", 'job="three"', 'job="one"')
SAME = rule("same", 'severity=~"critical|warning"', 'severity=~"critical|warning"')


def jobs(*names: str) -> list[Placed]:
    return [placed(alert(f"f{place}", job=name)) for place, name in enumerate(names)]


@pytest.mark.parametrize(
    ("rules", "alerts", "going"),
    [
        ((A,), jobs("two", "one", "other"), [False, True, True]),
        ((A, B), jobs("three", "two", "one"), [False, False, True]),
        ((A, B), jobs("three", "two"), [False, True]),
        ((A, B), jobs("three"), [True]),
        ((A, B, BACK), jobs("one", "two", "three"), [True, True, True]),
        ((SAME,), [placed(alert(f"f{n}", severity="critical")) for n in range(3)], [True] * 3),
        ((DOWN,), [CAUSE, told(severity="warning", cluster="us")], [True, True]),
    ],
    ids=["the cause first", "a chain", "the rest of it", "nobody to wait for", "a circle", "both sides", "not alike"],
)
def test_what_may_mute_others_is_dealt_with_before_them(
    rules: tuple[Inhibition, ...], alerts: list[Placed], going: list[bool]
) -> None:
    rules_of = Inhibitions(rules)
    assert next_wave([rules_of.sides(one) for one in alerts]) == going


def test_what_comes_later_of_an_alert_that_waits_waits_with_it() -> None:
    one, two = jobs("two", "one")
    gone = replace(one, alert=replace(one.alert, status=cleared().status))
    assert next_wave([sides(each, A) for each in (one, two, gone, two)]) == [False, True, False, True]


CLAIMS = [Claim(rule="r", key=key, both=both) for key, both in product("xyz", [True, False])]


def any_sides(chance: Random) -> Sides:
    sources, targets = (tuple(chance.choices(CLAIMS, k=chance.randrange(3))) for _ in range(2))
    return Sides(name=("s", chance.choice("abc")), sources=sources, targets=targets)


@pytest.mark.parametrize("count", range(9))
def test_every_alert_has_its_turn_and_the_lines_of_one_keep_their_order(count: int) -> None:
    chance = Random(count)
    for _ in range(100):
        has_its_turn([any_sides(chance) for _ in range(count)])


def has_its_turn(waiting: list[Sides]) -> None:
    left = list(enumerate(waiting))
    dealt: list[int] = []
    while left:
        goes = next_wave([sides for _, sides in left])
        assert any(goes)
        dealt += [place for (place, _), own in zip(left, goes, strict=True) if own]
        left = [one for one, own in zip(left, goes, strict=True) if not own]
    assert sorted(dealt) == list(range(len(waiting)))
    for name in {sides.name for sides in waiting}:
        own = [place for place in dealt if waiting[place].name == name]
        assert own == sorted(own)
