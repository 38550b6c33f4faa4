"""Routes: whether what they ask for exists, whether they give anything, and which of them never come to anything."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config.document import Flaw
from engine.config.explain import nearest
from engine.core.matchers import INTEGRATION, Matcher
from engine.core.policy import Config, Route
from engine.core.routing import GIVEN


def check_routes(config: Config) -> Iterator[Flaw]:
    for place, route in enumerate(config.routes):
        if route.goes_on and not _gives(route):
            remedy = f"give it one of {', '.join(GIVEN)}, or remove it"
            yield Flaw(at=("routes", place), wrong="it goes on and gives nothing", remedy=remedy)
        for number, matcher in enumerate(route.match):
            if matcher.name == INTEGRATION:
                yield from (
                    Flaw(at=("routes", place, "match", number), wrong=wrong, remedy=nearest(name, config.integrations))
                    for name, wrong in _unknown(matcher, config)
                )


def _unknown(matcher: Matcher, config: Config) -> Iterator[tuple[str, str]]:
    """The integrations that a matcher names and that are not there. The empty name is that of what people report."""
    if matcher.words is None:
        if not any(matcher.takes(name) for name in ("", *config.integrations)):
            yield matcher.value, f"no integration's name is like {matcher.value!r}"
        return
    for name in matcher.words:
        if name and name not in config.integrations:
            yield name, f"there is no integration {name!r}"


def advise_on_routes(config: Config) -> Iterator[Flaw]:
    """What is allowed and surely not meant."""
    asked = [frozenset(map(str, route.match)) for route in config.routes]
    for place, route in enumerate(config.routes):
        above = [other for other in range(place) if asked[other] <= asked[place]]
        taker = next((other for other in above if not config.routes[other].goes_on), None)
        if taker is not None:
            wrong = f"it is never reached: routes[{taker}] before it takes all that it asks for"
            yield Flaw(at=("routes", place), wrong=wrong, remedy="put the one that asks for more first")
            continue
        given = {what for other in above for what in _gives(config.routes[other])}
        if _gives(route) and _gives(route) <= given:
            named = ", ".join(f"routes[{other}]" for other in above)
            wrong = f"what it gives never counts: {named} before it, which takes all that it asks for, gives that too"
            yield Flaw(at=("routes", place), wrong=wrong, remedy="put the one that asks for more first")
    yield from _advise_on_the_rest(config)


def _advise_on_the_rest(config: Config) -> Iterator[Flaw]:
    """Where alerts go that no route takes."""
    last = config.routes[-1] if config.routes else None
    if config.default_service in config.services or (last and last.service and not last.match):
        return
    wrong = f"{config.default_service!r}, where alerts go that nothing gives a service, is not under services"
    remedy = f"add it to say what it is; so far it follows the policy {config.default_policy}"
    yield Flaw(at=("default_service",), wrong=wrong, remedy=remedy)


def _gives(route: Route) -> frozenset[str]:
    return frozenset(what for what in GIVEN if getattr(route, what))
