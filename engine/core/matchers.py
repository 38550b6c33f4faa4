"""Alertmanager-style matchers over labels: `=`, `!=`, `=~`, `!~`. A missing label is the empty string."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

SHAPE = re.compile(
    r"""\s*([A-Za-z_][A-Za-z0-9_.:/-]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^"\\]|\\.)*?))\s*""", re.DOTALL
)
ESCAPED = re.compile(r'\\([\\"n])')


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


class Matcher:
    """One condition, like `severity=~"crit.*"`. Regular expressions are anchored at both ends, as in Alertmanager."""

    __slots__ = ("_pattern", "name", "operator", "value")

    def __init__(self, name: str, operator: Operator, value: str) -> None:
        self.name = name
        self.operator = operator
        self.value = value
        regular = operator in (Operator.MATCHES, Operator.NOT_MATCHES)
        self._pattern = re.compile(value) if regular else None

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Raises ValueError with what would be right."""
        match = SHAPE.fullmatch(text)
        if match is None:
            raise ValueError(f'{text!r} is not a matcher; write it like severity="critical" or job=~"api|web"')
        name, operator, quoted, bare = match.groups()
        try:
            return cls(name, Operator(operator), _unescape(bare if quoted is None else quoted))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{text!r} has a faulty regular expression: {error}") from error

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.name, "")
        if self._pattern is None:
            return (found == self.value) is (self.operator is Operator.EQUAL)
        return (self._pattern.fullmatch(found) is not None) is (self.operator is Operator.MATCHES)

    def __str__(self) -> str:
        """Reads back as the same matcher."""
        return f'{self.name}{self.operator}"{_escape(self.value)}"'

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matcher) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _read(cls, value: object) -> Matcher:
        """Of one kind and not a choice of two, so that an error says where it is and nothing of the other choice."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError('it is no text; write a matcher like severity="critical"')  # noqa: TRY004 - pydantic's own
        return cls.parse(value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "examples": ['severity="critical"', 'job=~"api|web"']}


def _unescape(text: str) -> str:
    """As Alertmanager reads it: backslash, quote and line feed; any other backslash stands for itself, as in `\\d`."""
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """True where every matcher matches; no matcher at all matches everything."""
    return all(matcher.matches(labels) for matcher in matchers)


def check_telling(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """Refuses what an alert without any label would match: it would match nearly all, and is hardly ever meant."""
    if all_match(matchers, {}):
        raise ValueError('an alert without any label matches; ask for one that has to be there, like service="shop"')
    return matchers


MOST_MATCHERS = 32
Telling = Annotated[
    tuple[Matcher, ...],
    Field(max_length=MOST_MATCHERS, json_schema_extra={"minItems": 1}),
    AfterValidator(check_telling),
]
"""Matchers that ask for at least one label that has to be there."""
