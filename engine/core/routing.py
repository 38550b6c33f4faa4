"""Which routes an alert takes, what they give it, and why: top to bottom, and of what several give the first stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from engine.core.matchers import INTEGRATION, Matcher, all_match
from engine.core.model import OWN, Actor, ActorKind, Priority
from engine.core.policy import Route
from engine.core.spans import spell

GIVEN = ("service", "policy", "priority", "playbook", "group_by", "delay")
"""What a route may give, in the order in which it is told."""

REMEMBERED = 1024
"""Values of labels for which it is remembered which patterns take them: teams and jobs are few, pods are many."""

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Routed:
    """What the routes that an alert took give it; None and empty where none of them does."""

    routes: tuple[Route, ...] = ()
    service: str | None = None
    policy: str | None = None
    priority: Priority | None = None
    playbook: str | None = None
    group_by: tuple[str, ...] = ()
    delay: timedelta | None = None

    def giver(self, what: str) -> Route | None:
        """The route that `what`, one of GIVEN, comes from."""
        return next((route for route in self.routes if getattr(route, what)), None)


NOWHERE = Routed()


def settle(routes: Iterable[Route]) -> Routed:
    """What these routes come to, the first that gives something being the one that counts."""
    taken = tuple(routes)
    if not taken:
        return NOWHERE
    values = {what: next((value for route in taken if (value := getattr(route, what))), None) for what in GIVEN}
    return Routed(routes=taken, **{what: value for what, value in values.items() if value})


def route(routes: Sequence[Route], labels: Mapping[str, str], actor: Actor) -> Routed:
    """What the routes of a configuration give an alert with these labels."""
    return _router(_Same(routes)).route(facts_of(labels, actor)) if routes else NOWHERE


def facts_of(labels: Mapping[str, str], actor: Actor) -> dict[str, str]:
    """What the matchers of routes look at. A label that is named like the integration is not among it."""
    return {**labels, INTEGRATION: integration_of(actor)}


def integration_of(actor: Actor) -> str:
    """Empty for a person, a token, and what Tocsin tells of itself: none of them has come through an integration."""
    return actor.id if actor.kind is ActorKind.SOURCE and actor.via != OWN.via else ""


class Router:
    """Routes, ready for many alerts, so that a thousand cost little more than ten. Each is filed under one of its
    matchers: by the values that it names, else by its label, and then what a value comes to is remembered. It is looked
    at for those alerts only that this matcher takes."""

    def __init__(self, routes: Sequence[Route]) -> None:
        naming = [_pairs(route) for route in routes]
        crowd = Counter(pair for choices in naming for choice in choices for pair in choice)
        self._routes = routes
        self._by_value: dict[Pair, list[int]] = defaultdict(list)
        self._by_label: dict[str, list[tuple[int, Matcher]]] = defaultdict(list)
        self._always: list[int] = []
        for place, (route, choices) in enumerate(zip(routes, naming, strict=True)):
            if choices:
                for pair in min(choices, key=lambda choice: sum(crowd[pair] for pair in choice)):
                    self._by_value[pair].append(place)
            elif route.match:
                matcher = min(route.match, key=lambda matcher: matcher.negative)
                self._by_label[matcher.name].append((place, matcher))
            else:
                self._always.append(place)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._ask)

    def route(self, facts: Mapping[str, str]) -> Routed:
        return settle(self._taken(facts))

    def candidates(self, facts: Mapping[str, str]) -> Iterator[Route]:
        """Those that may match, in order."""
        places = [place for pair in facts.items() for place in self._by_value.get(pair, ())]
        for name in self._by_label:
            places += self._remembered(name, facts.get(name, ""))
        return (self._routes[place] for place in sorted(places + self._always))

    def _ask(self, name: str, value: str) -> tuple[int, ...]:
        """Those filed under a label whose matcher takes this value of it."""
        return tuple(place for place, matcher in self._by_label[name] if matcher.takes(value))

    def _taken(self, facts: Mapping[str, str]) -> Iterator[Route]:
        for route in self.candidates(facts):
            if all_match(route.match, facts):
                yield route
                if not route.goes_on:
                    return


def _pairs(route: Route) -> list[list[Pair]]:
    """For each matcher that asks for particular values of a label: label and value, one of which an alert has to have
    for the route to match. A missing label is the empty value, so a matcher that takes that one says nothing."""
    return [
        [(matcher.name, value) for value in matcher.wanted]
        for matcher in route.match
        if matcher.wanted is not None and "" not in matcher.wanted
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What came of one route for one alert. `missed` is the first matcher that was not met, by the value `found`;
    `gave` is what it gave, `late` what it names as well and a route above had given. Not `tried`: a route above was
    the last."""

    route: Route
    tried: bool = True
    missed: Matcher | None = None
    found: str = ""
    gave: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    @property
    def taken(self) -> bool:
        return self.tried and self.missed is None


def trace(routes: Iterable[Route], facts: Mapping[str, str]) -> tuple[Trial, ...]:
    """Route by route what a Router does without looking at all of them."""
    trials: list[Trial] = []
    given: set[str] = set()
    over = False
    for route in routes:
        trial = Trial(route=route, tried=False) if over else _try(route, facts, given)
        trials.append(trial)
        given.update(trial.gave)
        over = over or (trial.taken and not route.goes_on)
    return tuple(trials)


def _try(route: Route, facts: Mapping[str, str], given: Collection[str]) -> Trial:
    """After routes that gave what is in `given`."""
    missed = next((matcher for matcher in route.match if not matcher.matches(facts)), None)
    if missed is not None:
        return Trial(route=route, missed=missed, found=facts.get(missed.name, ""))
    named = [what for what in GIVEN if getattr(route, what)]
    gave, late = (tuple(what for what in named if (what in given) is before) for before in (False, True))
    return Trial(route=route, gave=gave, late=late)


class _Same:
    """A key that is the same for the same object only: comparing a thousand routes would cost more than trying them."""

    __slots__ = ("routes",)

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = routes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.routes is other.routes

    def __hash__(self) -> int:
        return id(self.routes)


@lru_cache(maxsize=64)  # as many configurations as are kept read
def _router(key: _Same) -> Router:
    return Router(key.routes)


def told(routed: Routed, service: str, origin: str) -> str:
    """Why an alert is where it is: `route pay (team="payments"): service payments, group by cluster`. `origin` says
    where a service comes from that no route gave."""
    parts = [] if routed.service else [f"service {service}: {origin}"]
    for route in routed.routes:
        gave = ", ".join(spelled(route, what) for what in GIVEN if routed.giver(what) is route)
        parts.append(f"{spell_route(route)}: {gave or 'nothing more'}")
    return "; ".join(parts)


def spell_route(route: Route) -> str:
    """The route and what it asks for."""
    return f"route {route.name} ({', '.join(map(str, route.match)) or 'every alert'})"


def spelled(route: Route, what: str) -> str:
    """`service payments`, `group by cluster, job`, `delay 5 min`."""
    value = getattr(route, what)
    if what == "delay":
        return f"delay {spell(value)}"
    return f"group by {', '.join(value)}" if what == "group_by" else f"{what} {value}"
