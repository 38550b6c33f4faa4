"""Rules found by what an alert says are those that a look at each of them would find."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from engine.core.lookup import Index, remembered
from engine.core.matchers import Matcher, Operator, all_match

NAMES, VALUES = ["job", "team", "host"], ["", "api", "web", "a|b", "eu-1"]
PATTERNS = ["", "api", "api|web", "api|api", "web|", ".*", ".+", "a.i", "(?i)API|web", r"a\|b", "eu-1|eu-2"]
MATCHERS = [
    *(Matcher(*one) for one in product(NAMES, [Operator.EQUAL, Operator.NOT_EQUAL], VALUES)),
    *(Matcher(*one) for one in product(NAMES, [Operator.MATCHES, Operator.NOT_MATCHES], PATTERNS)),
]
LABELS = [
    {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
    for values in product([None, *VALUES], repeat=len(NAMES))
]


def test_an_index_finds_what_a_look_at_every_rule_finds_in_the_same_order() -> None:
    chance = Random(1)
    for _ in range(400):
        rules = [chance.choices(MATCHERS, k=chance.randrange(4)) for _ in range(chance.randrange(13))]
        index = Index((matchers, place) for place, matchers in enumerate(rules))
        for labels in chance.sample(LABELS, 6):
            expected = [place for place, matchers in enumerate(rules) if all_match(matchers, labels)]
            assert list(index.matching(labels)) == expected, (rules, labels)


class Counting(Matcher):
    """Knows how often it was asked."""

    asked = 0

    def matches(self, labels: object) -> bool:
        Counting.asked += 1
        return super().matches(labels)  # type: ignore[arg-type]  # whatever it is, it is passed on


@pytest.mark.parametrize("text", ['host="web-{}"', 'host=~"web-{}|mail-{}"', 'team="shop" host="web-{}"'])
def test_of_a_thousand_rules_an_alert_meets_the_few_that_can_match(text: str) -> None:
    Counting.asked = 0
    rules = [[Counting.parse(part.replace("{}", str(number))) for part in text.split(" ")] for number in range(1000)]
    index = Index((matchers, number) for number, matchers in enumerate(rules))
    assert list(index.matching({"host": "web-17", "team": "shop"})) == [17]
    assert Counting.asked <= 2


def test_a_thing_is_built_once_for_each_object_and_again_for_an_equal_one() -> None:
    built: list[tuple[str, ...]] = []

    @remembered
    def size(words: tuple[str, ...]) -> int:
        built.append(words)
        return len(words)

    first, equal = (tuple(letters) for letters in ("ab", "ab"))
    assert [size(first), size(first), size(equal), size(first)] == [2, 2, 2, 2]
    assert built == [first, equal]
