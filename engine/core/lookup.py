"""Rules with matchers, found by what an alert says: of a thousand, an alert meets the few that can match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from engine.core.matchers import Matcher, Operator, all_match

S = TypeVar("S")
T = TypeVar("T")

WORDS = re.compile(r"[\w:/@ -]+(?:\|[\w:/@ -]+)*")
"""A regular expression that only lists words: `eu-1|eu-2`."""
KEPT = 8

Pair = tuple[str, str]
Entry = tuple[int, Sequence[Matcher], T]


class Index(Generic[T]):
    """Rules in an order that counts. Each is filed under the values that one of its matchers asks for, the rarest
    there are; one that asks for no value in particular is met by every alert."""

    def __init__(self, rules: Iterable[tuple[Sequence[Matcher], T]]) -> None:
        entries = [(place, matchers, item) for place, (matchers, item) in enumerate(rules)]
        choices = [[_asked_for(matcher) for matcher in matchers] for _, matchers, _ in entries]
        common = Counter(pair for own in choices for pairs in own for pair in pairs)
        self._filed: dict[str, dict[str, list[Entry[T]]]] = {}
        self._rest: list[Entry[T]] = []
        for entry, own in zip(entries, choices, strict=True):
            rarest = min((pairs for pairs in own if pairs), key=lambda pairs: _sum(common, pairs), default=())
            for name, value in rarest:
                self._filed.setdefault(name, {}).setdefault(value, []).append(entry)
            if not rarest:
                self._rest.append(entry)

    def matching(self, labels: Mapping[str, str]) -> Iterator[T]:
        """Those all of whose matchers match, in their order."""
        for _, matchers, item in self._met(labels):
            if all_match(matchers, labels):
                yield item

    def _met(self, labels: Mapping[str, str]) -> list[Entry[T]]:
        met = [self._rest] if self._rest else []
        for name, by_value in self._filed.items():
            found = by_value.get(labels.get(name, ""))
            if found:
                met.append(found)
        if len(met) < 2:  # noqa: PLR2004 - nothing to put in order
            return met[0] if met else []
        return sorted((entry for own in met for entry in own), key=lambda entry: entry[0])


def _sum(common: Counter[Pair], pairs: Sequence[Pair]) -> int:
    return sum(common[pair] for pair in pairs)


def _asked_for(matcher: Matcher) -> tuple[Pair, ...]:
    """The only values with which it can match; nothing where that can't be told, or where no value is one of them."""
    if not matcher.value:
        return ()
    if matcher.operator is Operator.EQUAL:
        return ((matcher.name, matcher.value),)
    if matcher.operator is Operator.MATCHES and WORDS.fullmatch(matcher.value):
        return tuple((matcher.name, word) for word in dict.fromkeys(matcher.value.split("|")))
    return ()


def remembered(build: Callable[[S], T]) -> Callable[[S], T]:
    """`build`, run once for each of the last few objects that it is asked about. They are told apart by identity: to
    compare a thousand rules by value takes longer than to look one up."""
    known: dict[int, tuple[S, T]] = {}

    def kept(source: S) -> T:
        nonlocal known
        found = known.get(id(source))
        if found is None:
            found = (source, build(source))
            # A new one, for another thread may be looking into the old one.
            known = dict([*known.items(), (id(source), found)][-KEPT:])
        return found[1]

    return kept
