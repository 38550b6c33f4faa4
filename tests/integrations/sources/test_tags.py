from __future__ import annotations

import random

import pytest

from integrations.sources.tags import graded, listed, pair_labels, tag_labels


@pytest.mark.parametrize(
    ("tags", "labels"),
    [
        (["env:prod", "service=checkout"], {"env": "prod", "service": "checkout"}),
        (["availability-zone:us-east-1a"], {"availability-zone": "us-east-1a"}),
        (["url:https://shop.example:8443/?a=b"], {"url": "https://shop.example:8443/?a=b"}),
        (["query=a:b"], {"query": "a:b"}),
        (["nightly", "db"], {"tags": "db, nightly"}),
        (["host:b", "host:a", "host:b"], {"host": "a, b"}),
        (["env:", ":prod", "a b:c"], {"tags": ":prod, a b:c, env:"}),
        (["", None, " "], {}),
        ([7, {"a": 1}, ["x"]], {"tags": '7, ["x"], {"a":1}'}),
        ([], {}),
    ],
)
def test_a_tag_with_a_key_is_a_label_and_the_others_are_one(tags: list[object], labels: dict[str, str]) -> None:
    assert tag_labels(tags) == labels


def test_the_order_of_tags_does_not_matter() -> None:
    tags: list[object] = ["a:1", "a:2", "b:3", "x", "y"]
    shuffled = random.Random(3).sample(tags, k=len(tags))  # noqa: S311 - repeatable on purpose
    assert list(tag_labels(shuffled).items()) != []
    assert tag_labels(shuffled) == tag_labels(tags)


def test_a_pair_without_a_value_is_a_plain_tag() -> None:
    pairs: list[tuple[object, object]] = [("team", "shop"), ("urgent", ""), ("later", None), (None, None)]
    assert pair_labels(pairs) == {"team": "shop", "tags": "later, urgent"}


@pytest.mark.parametrize(
    ("sent", "separator", "items"),
    [
        ("a, b,c", ",", ["a", "b", "c"]),
        ("a b  c", None, ["a", "b", "c"]),
        (["a", 3], ",", ["a", 3]),
        ("", ",", [""]),
        (None, ",", []),
        ({"a": 1}, ",", []),
    ],
)
def test_tags_come_as_a_list_or_as_a_text(sent: object, separator: str | None, items: list[object]) -> None:
    assert listed(sent, separator) == items


@pytest.mark.parametrize(
    ("said", "severity"),
    [("Critical", "critical"), (" warn ", "warning"), ("information", "info"), ("sev-1", "info"), ("", "info")],
)
def test_a_tag_says_how_bad_it_is_in_a_word_that_is_known(said: str, severity: str) -> None:
    assert graded({"severity": said, "a": "b"}, "info") == {"severity": severity, "a": "b"}
    assert graded({}, "warning") == {"severity": "warning"}
