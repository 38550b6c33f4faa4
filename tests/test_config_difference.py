import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from engine.config.difference import Change, difference, digest
from engine.config.stored import from_document, literal_secrets, masked, revealed, to_document
from engine.core.errors import ConfigError
from engine.core.policy import Config

SECRET = "s3cr3t-prom-key"
LADDER = {"respond_within": "1h30m", "lease": "15m", "steps": [{"level": "first"}]}
VALUES: dict[str, Any] = {
    "contacts": {"ann": {"name": "Änn", "reach": {"slack": "U1", "email": "ann@example.com"}}},
    "levels": {"first": {"number": 1, "title": "First", "primary": "ann", "reached_by": ["slack", "email"]}},
    "policies": {"standard": {"P0": LADDER, "P1": LADDER, "P2": LADDER, "P3": {"respond_within": "next_business_day"}}},
    "integrations": {
        "prom": {"source": "metrics", "key": SECRET, "token": "s3cr3t-token", "window": 5, "fields": {"title": "t"}},
        "other": {"source": "metrics", "key": {"env": "OTHER_KEY"}},
    },
    "heartbeats": {"backup": {"every": "1d", "key": "s3cr3t-heartbeat"}, "job": {"every": "1h", "key": {"env": "JOB"}}},
    "probes": {"shop": {"kind": "http", "url": "https://shop.example.com/s3cr3t-path", "token": "s3cr3t-probe"}},
    "channels": {"slack": {"kind": "slack"}, "phone": {"kind": "webhook", "url": "https://voice.example.com/s3cr3t"}},
    "queue": [{"channel": "slack", "address": "#ops"}],
    "routes": [{"name": "web", "match": ['team=~"a\\\\.b|\\"c\\""'], "service": "web"}],
    "classification": {
        "levels": {"critical": {"severities": ["critical"], "thresholds": [{"value": "x", "above": 99.9}]}},
        "rules": [
            {"name": "loud", "words": ["loud"], "priority": "P0", "reason": "loud"},
            {"name": "rest", "priority": "P3", "page": False, "reason": "quiet"},
        ],
    },
    "business_hours": {"timezone": "Europe/Berlin", "start": "08:30", "holidays": ["2026-12-25"]},
}

Edit = Callable[[dict[str, Any]], object]


def config(edit: Edit | None = None) -> Config:
    values = json.loads(json.dumps(VALUES))
    if edit is not None:
        edit(values)
    return Config.model_validate(values)


def test_a_stored_configuration_reads_back_exactly() -> None:
    original = config()
    restored = from_document(to_document(original))
    assert restored == original
    assert to_document(restored) == to_document(original)
    assert digest(restored) == digest(original)
    assert difference(original, restored) == []
    assert restored.integrations["prom"].key == SecretStr(SECRET)
    assert restored.integrations["prom"].model_extra == original.integrations["prom"].model_extra
    assert list(restored.contacts["ann"].reach) == ["slack", "email"]


def test_a_stored_configuration_is_read_like_the_file_and_holds_the_defaults() -> None:
    stored = json.loads(to_document(config()))
    assert stored["policies"]["standard"]["P0"]["respond_within"] == "1h30m"
    assert stored["policies"]["standard"]["P0"]["deliver_within"] == "2m"
    assert stored["routes"][0]["match"] == ['team=~"a\\\\.b|\\"c\\""']
    assert stored["business_hours"]["start"] == "08:30"
    assert stored["integrations"]["prom"]["key"] == SECRET
    assert stored["heartbeats"]["backup"]["key"] == "s3cr3t-heartbeat"


def test_a_stored_configuration_of_another_release_is_refused_by_path() -> None:
    stored = json.loads(to_document(config()))
    stored["levels"]["first"]["rank"] = 1
    with pytest.raises(ConfigError, match=r"the stored configuration:1: levels\.first\.rank: this key is not known"):
        from_document(json.dumps(stored))


def test_everything_shown_is_masked() -> None:
    original = config()
    shown = json.dumps(masked(original), ensure_ascii=False)
    assert "s3cr3t" not in shown + repr(original) + str(difference(None, original))
    assert masked(original)["integrations"]["other"]["key"] == {"env": "OTHER_KEY", "file": None}
    assert masked(original)["probes"]["shop"]["every"] == "10s"
    assert masked(original)["heartbeats"]["backup"]["every"] == "1d"
    assert masked(original)["channels"]["phone"]["url"] == "https://voice.example.com/•••"
    assert masked(original)["contacts"] == revealed(original)["contacts"]


def test_the_secrets_within_a_configuration_are_known_to_the_log() -> None:
    assert literal_secrets(config()) == {
        SECRET,
        "s3cr3t-token",
        "s3cr3t-heartbeat",
        "s3cr3t-probe",
        "https://shop.example.com/s3cr3t-path",
        "https://voice.example.com/s3cr3t",
    }


CHANGES: list[tuple[Edit, list[tuple[str, str | None, str | None]]]] = [
    (
        lambda values: values["policies"]["standard"]["P2"].update(respond_within="2h"),
        [("policies.standard.P2.respond_within", "1h30m", "2h")],
    ),
    (
        lambda values: values["levels"]["first"].update(reached_by=["email"], together=False),
        [("levels.first.reached_by", "slack, email", "email"), ("levels.first.together", "true", "false")],
    ),
    (
        lambda values: values["levels"]["first"].update(secondary="bob"),
        [("levels.first.secondary", None, "bob")],
    ),
    (
        lambda values: values["contacts"]["ann"].update(reach={"email": "ann@example.com", "slack": "U1"}),
        [("contacts.ann.reach (order)", "slack, email", "email, slack")],
    ),
    (
        lambda values: values["integrations"]["prom"].update(key="s3cr3t-another"),
        [("integrations.prom.key", "•••", "•••")],
    ),
    (
        lambda values: values["integrations"]["prom"].update(key={"env": "PROM_KEY"}),
        [("integrations.prom.key.env", None, "PROM_KEY"), ("integrations.prom.key", "•••", None)],
    ),
    (
        lambda values: values["channels"]["phone"].update(url="https://voice.example.com/s3cr3t-2"),
        [("channels.phone.url", "https://voice.example.com/•••", "https://voice.example.com/•••")],
    ),
    (
        lambda values: values["integrations"]["prom"].update(window="5"),
        [("integrations.prom.window", "5", "5")],
    ),
    (
        lambda values: values["integrations"]["prom"]["fields"].update({"a.b": 1}),
        [("integrations.prom.fields['a.b']", None, "1")],
    ),
    (
        lambda values: values["integrations"].pop("other"),
        [("integrations.other.source", "metrics", None), ("integrations.other.key.env", "OTHER_KEY", None)],
    ),
    (
        lambda values: values["classification"]["rules"].reverse(),
        [("classification.rules (order)", "loud, rest", "rest, loud")],
    ),
    (
        lambda values: values["classification"]["rules"].insert(
            1, {"name": "new", "priority": "P1", "reason": "it is new"}
        ),
        [
            ("classification.rules[new].name", None, "new"),
            ("classification.rules[new].priority", None, "P1"),
            ("classification.rules[new].page", None, "true"),
            ("classification.rules[new].reason", None, "it is new"),
            ("classification.rules (order)", "loud, rest", "loud, new, rest"),
        ],
    ),
    (
        lambda values: values.update(queue=[]),
        [("queue[0].channel", "slack", None), ("queue[0].address", "#ops", None)],
    ),
    (
        lambda values: values.update(default_service="web", business_hours={"timezone": "Europe/Berlin"}),
        [
            ("business_hours.start", "08:30", "09:00"),
            ("business_hours.holidays", "2026-12-25", None),
            ("default_service", "default", "web"),
        ],
    ),
]


@pytest.mark.parametrize(("edit", "changes"), CHANGES, ids=[changes[0][0] for _, changes in CHANGES])
def test_a_change_is_shown_with_its_path_before_and_after(
    edit: Edit, changes: list[tuple[str, str | None, str | None]]
) -> None:
    old, new = config(), config(edit)
    assert difference(old, new) == [Change(path=path, before=before, after=after) for path, before, after in changes]
    assert digest(old) != digest(new)


def test_the_order_of_names_is_no_change_where_it_means_nothing() -> None:
    def reorder(values: dict[str, Any]) -> None:
        for section in ("integrations", "channels"):
            values[section] = dict(reversed(values[section].items()))

    old, new = config(), config(reorder)
    assert difference(old, new) == []
    assert digest(old) == digest(new)


def test_a_first_configuration_is_all_new_in_the_order_of_its_sections() -> None:
    changes = difference(None, config())
    assert {change.before for change in changes} == {None}
    sections = list(dict.fromkeys(change.path.split(".")[0].split("[")[0] for change in changes))
    assert sections == [name for name in Config.model_fields if name in sections]
    assert "contacts.ann.reach (order)" not in {change.path for change in changes}
