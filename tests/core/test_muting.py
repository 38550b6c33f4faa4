"""What is muted, by which rule, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.core.intake import Placed
from engine.core.matchers import Matcher
from engine.core.model import ENGINE, OWN, Actor, ActorKind
from engine.core.muting import Mute, Mutes, mute_of_window
from engine.core.policy import Window
from tests.core.cases import LEAD, MONITOR, NOON, alert, cleared, placed

HOUR = timedelta(hours=1)


def mute(*matchers: str, rule: str = "silence/SIL-1") -> Mute:
    return Mute(
        rule=rule,
        matchers=tuple(map(Matcher.parse, matchers)),
        starts_at=NOON,
        ends_at=NOON + HOUR,
        recurrence=None,
        reason="an upgrade",
        author="person:ops-lead via cli",
    )


def by(actor: Actor) -> Placed:
    return replace(placed(alert(job="api")), actor=actor)


@pytest.mark.parametrize(
    ("matchers", "muted"),
    [
        (['job="api"'], True),
        (['job="web"'], False),
        (['job="api"', 'team=""'], True),
        (['service="checkout"'], True),
        (['service="elsewhere"'], False),
        (['source="monitor"'], True),
        (['source=~"mon.*"', 'service!="checkout"'], False),
    ],
)
def test_matchers_ask_for_labels_the_service_and_the_integration(matchers: list[str], *, muted: bool) -> None:
    one = placed(alert(job="api", source="a label of that name", service="likewise"))
    assert (Mutes([mute(*matchers)]).find(one, NOON) is not None) is muted


def test_the_outcome_names_the_first_rule_its_author_its_end_and_its_reason() -> None:
    mutes = Mutes([mute('job="web"'), mute('job="api"', rule="silence/SIL-2"), mute('service="checkout"')])
    found = mutes.find(placed(alert(job="api")), NOON)
    assert found is not None
    assert (found.action, found.rule) == ("silenced", "silence/SIL-2")
    assert found.reason == ("silence/SIL-2 by person:ops-lead via cli until 2026-03-04T13:00:00.000000Z: an upgrade")


def test_a_window_that_is_not_on_leaves_the_next_one_its_turn() -> None:
    over = replace(mute('job="api"'), ends_at=NOON)
    later = replace(mute('job="api"'), starts_at=NOON + HOUR, ends_at=None)
    assert Mutes([over, later]).find(placed(alert(job="api")), NOON) is None
    found = Mutes([over, later, mute('job="api"', rule="silence/SIL-9")]).find(placed(alert(job="api")), NOON)
    assert found is not None
    assert found.rule == "silence/SIL-9"


@pytest.mark.parametrize(
    "one",
    [placed(cleared()), by(LEAD), by(Actor(kind=ActorKind.TOKEN, id="ci")), by(OWN), by(ENGINE)],
    ids=["a resolution", "a person", "a token", "the engine's own trouble", "the engine"],
)
def test_what_is_no_noise_of_monitoring_is_never_muted(one: Placed) -> None:
    everything = mute('service=~".+"')
    assert Mutes([everything]).find(one, NOON) is None
    assert Mutes([everything]).find(by(MONITOR), NOON) is not None


def test_a_window_is_named_by_its_name() -> None:
    window = Window.model_validate(
        {"name": "backup", "match": ['job="api"'], "ends_at": NOON + HOUR, "reason": "backups"}
    )
    found = Mutes([mute_of_window(window)]).find(placed(alert(job="api")), NOON)
    assert found is not None
    assert (found.rule, found.reason) == (
        "maintenance/backup",
        "maintenance/backup until 2026-03-04T13:00:00.000000Z: backups",
    )
