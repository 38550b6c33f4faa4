"""pydantic's errors in the words of whoever wrote the file: where, what is wrong, what would be right. No secrets."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails

from engine.config.document import Flaw, Steps, shorten
from engine.core.secrecy import looks_secret
from engine.core.spans import format_span

TIMEDELTA_PART = re.compile(r"(days|seconds)=(\d+)")
PRIVATE = ("integrations", "channels", "probes")
"""Sections whose values are never repeated: any of them may be a secret."""

MAPPING = "a mapping of names to values"
KINDS: Mapping[str, str] = {
    "bool": "true or false",
    "dict": MAPPING,
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": MAPPING,
    "path": "a path",
    "string": "text, in quotes if it looks like a number",
    "tuple": "a list",
}
SENTENCES: Mapping[str, tuple[str, str]] = {
    "greater_than": ("{shown} is too little", "write more than {gt}"),
    "greater_than_equal": ("{shown} is too little", "write {ge} or more"),
    "less_than": ("{shown} is too much", "write less than {lt}"),
    "less_than_equal": ("{shown} is too much", "write {le} or less"),
    "string_pattern_mismatch": (
        "{shown} is not a name",
        "use lower-case letters, digits, - and _, beginning with a letter or a digit",
    ),
    "string_too_long": ("it is too long", "write no more than {max_length} characters"),
    "string_too_short": ("it is empty", "write something"),
    "too_long": ("it has too many entries", "give no more than {max_length}"),
    "too_short": ("it is empty", "give at least {min_length}"),
}


def explain(error: ValidationError, root: object, model: type[BaseModel], prefix: Steps = ()) -> Iterator[Flaw]:
    """One flaw for each place. `root` is what was validated as `model`; `prefix` is where it stands in the document."""
    by_place: dict[Steps, list[ErrorDetails]] = defaultdict(list)
    for details in error.errors(include_url=False):
        by_place[_place(details, root)].append(details)
    for at, errors in by_place.items():
        meant = [details for details in errors if not _is_guess(details, at, errors, by_place)]
        if meant:
            yield _flaw(meant, at, model, prefix)


def nearest(word: str, known: Iterable[str]) -> str:
    """What would be right in place of `word`: the most similar of the known words, else all of them."""
    words = sorted(known)
    similar = difflib.get_close_matches(word, words, n=1)
    if similar:
        return f"did you mean {similar[0]!r}?"
    return f"known here: {', '.join(words)}" if words else "there is none"


def field_at(model: type[BaseModel], at: Steps) -> FieldInfo | None:
    """The field that a key at this place sets, where a model knows it."""
    for kind in _kinds(model, at[:-1]):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                if at[-1] == (field.alias or name):
                    return field
    return None


def known_keys(model: type[BaseModel], at: Steps) -> frozenset[str]:
    """The keys that one may write at this place."""
    kinds = (kind for kind in _kinds(model, at) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return frozenset(
        field.alias or name
        for kind in kinds
        for name, field in kind.model_fields.items()
        if not any(isinstance(one, SkipJsonSchema) for one in field.metadata)  # type: ignore[misc]  # it is a class
    )


def _kinds(model: type[BaseModel], at: Steps) -> list[Any]:
    """The types that may stand at this place."""
    kinds: list[Any] = [model]
    for step in at:
        kinds = [member for kind in kinds for member in _members(kind, step)]
    return kinds


def _members(kind: Any, step: str | int) -> Iterator[Any]:
    """The types below one: of a model's field, of a mapping's values, of a list's items; each member of a union."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = [field for name, field in kind.model_fields.items() if (field.alias or name) == step]
        below = fields[0].annotation if fields else None
    else:
        below = next((argument for argument in reversed(get_args(kind)) if argument is not ...), None)
    yield below
    yield from get_args(below)


def _place(details: ErrorDetails, root: object) -> Steps:
    """pydantic's location without the names of union members and the like, which are not in the document."""
    at: list[str | int] = []
    value: Any = root
    for step in details["loc"]:
        listed = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if listed or (isinstance(value, Mapping) and step in value):
            value = value[step]
            at.append(step)
    return (*at, details["loc"][-1]) if details["type"] == "missing" else tuple(at)


def _is_guess(details: ErrorDetails, at: Steps, errors: list[ErrorDetails], places: Iterable[Steps]) -> bool:
    """True for what follows from another error, or what a union's other member says of a value not meant for it."""
    beneath = any(len(place) > len(at) and place[: len(at)] == at for place in places)
    match details["type"]:
        case "is_instance_of":
            return True
        case "too_short":
            return beneath
        case "string_type":
            return isinstance(details["input"], Mapping) and (beneath or len(errors) > 1)
    return False


def _flaw(errors: list[ErrorDetails], at: Steps, model: type[BaseModel], prefix: Steps) -> Flaw:
    whole = (*prefix, *at)
    hidden = whole[:1] in {(section,) for section in PRIVATE} or any(looks_secret(str(step)) for step in whole)
    said = [_say(details, at, model, hidden=hidden) for details in errors]
    remedies = dict.fromkeys(remedy for _, remedy in said)
    return Flaw(at=whole, wrong=said[0][0], remedy=", or ".join(remedies))


def _say(details: ErrorDetails, at: Steps, model: type[BaseModel], *, hidden: bool) -> tuple[str, str]:
    """What is wrong and what would be right."""
    match details["type"]:
        case "extra_forbidden":
            return "this key is not known", nearest(str(at[-1]), known_keys(model, at[:-1]))
        case "missing":
            return "it is missing", _add(field_at(model, at))
        case "value_error":
            return _own_words(details, hidden=hidden)
    return _by_type(details, _show(details["input"], hidden=hidden))


def _by_type(details: ErrorDetails, shown: str) -> tuple[str, str]:
    kind, bounds = details["type"], details.get("ctx", {})
    if kind in SENTENCES:
        wrong, remedy = SENTENCES[kind]
        return wrong.format(shown=shown), remedy.format(**{name: _bound(value) for name, value in bounds.items()})
    if "expected" in bounds:
        return f"{shown} is not known here", f"write {bounds['expected']}"
    expected = KINDS.get(kind.partition("_")[0], "what the schema describes")
    wrong = "nothing is given" if details["input"] is None else f"{shown} is not {expected.partition(',')[0]}"
    return wrong, f"write {expected}"


def _add(field: FieldInfo | None) -> str:
    return f"add it: {field.description.removesuffix('.')}" if field and field.description else "add it"


def _own_words(details: ErrorDetails, *, hidden: bool) -> tuple[str, str]:
    """Our own validators say `what is wrong; what would be right`."""
    wrong, _, remedy = details["msg"].removeprefix("Value error, ").partition("; ")
    given = details["input"]
    if hidden and isinstance(given, str | int | float):
        quoted = re.compile(rf"(?<!\w)(?:{re.escape(repr(given))}|{re.escape(str(given) or repr(given))})(?!\w)")
        wrong, remedy = quoted.sub("the value", wrong), quoted.sub("the value", remedy)
    return wrong, remedy or "see the schema for what is right"


def _bound(value: object) -> object:
    """pydantic gives the bounds of spans as Python prints them."""
    if not str(value).startswith("datetime.timedelta("):
        return value
    return format_span(timedelta(**{unit: int(amount) for unit, amount in TIMEDELTA_PART.findall(str(value))}))


def _show(value: object, *, hidden: bool) -> str:
    match value:
        case list():
            return "a list"
        case Mapping():
            return "a mapping"
        case _ if hidden:
            return "the value"
        case bool():
            return str(value).lower()
        case _:
            return shorten(value)
