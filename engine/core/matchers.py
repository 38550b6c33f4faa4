"""Alertmanager-style matchers over labels: `=`, `!=`, `=~`, `!~`. A missing label is the empty string.

Those of routes may also ask for `@integration`. No alert can forge it: its value never comes out of the labels, and
outside of routes no matcher can name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, GetPydanticSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

INTEGRATION = "@integration"
"""The name of the integration that an alert came through; empty for what a person reports."""

LABEL_NAME = r"[A-Za-z_][A-Za-z0-9_.:/-]*"
REST = r"""\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^"\\]|\\.)*?))\s*"""
SHAPE_OF_NAME = re.compile(LABEL_NAME)
SHAPE = re.compile(rf"\s*({LABEL_NAME}){REST}", re.DOTALL)
SHAPE_IN_ROUTES = re.compile(rf"\s*({LABEL_NAME}|{INTEGRATION}){REST}", re.DOTALL)
PLAIN = re.compile(r"[\w/:@#%&=,;~ -]*(?:\|[\w/:@#%&=,;~ -]*)*")
"""A regular expression that is words and `|` and nothing else."""
ESCAPED = re.compile(r'\\([\\"n])')


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


class Matcher:
    """One condition, like `severity=~"crit.*"`. Regular expressions are anchored at both ends, as in Alertmanager."""

    __slots__ = ("_pattern", "name", "operator", "value")

    SHAPE: ClassVar = SHAPE
    EXAMPLES: ClassVar[tuple[str, ...]] = ('severity="critical"', 'job=~"api|web"')

    def __init__(self, name: str, operator: Operator, value: str) -> None:
        self.name = name
        self.operator = operator
        self.value = value
        regular = operator in (Operator.MATCHES, Operator.NOT_MATCHES)
        self._pattern = re.compile(value) if regular else None

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Raises ValueError with what would be right."""
        match = cls.SHAPE.fullmatch(text)
        if match is None and SHAPE_IN_ROUTES.fullmatch(text):
            raise ValueError(f"{text!r} asks for the integration, which only routes can; go by labels here")
        if match is None:
            raise ValueError(f"{text!r} is not a matcher; write it like {' or '.join(cls.EXAMPLES)}")
        name, operator, quoted, bare = match.groups()
        try:
            return cls(name, Operator(operator), _unescape(bare if quoted is None else quoted))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{text!r} has a faulty regular expression: {error}") from error

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.takes(labels.get(self.name, ""))

    def takes(self, found: str) -> bool:
        """Whether this value of the label is right."""
        if self._pattern is None:
            return (found == self.value) is (self.operator is Operator.EQUAL)
        return (self._pattern.fullmatch(found) is not None) is (self.operator is Operator.MATCHES)

    @property
    def negative(self) -> bool:
        """It takes everything but what it names."""
        return self.operator in (Operator.NOT_EQUAL, Operator.NOT_MATCHES)

    @property
    def words(self) -> tuple[str, ...] | None:
        """The values that it names one by one; None for a regular expression that is more than words and `|`."""
        if self._pattern is None:
            return (self.value,)
        return tuple(dict.fromkeys(self.value.split("|"))) if PLAIN.fullmatch(self.value) else None

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The only values that match, where it names them; None where others may."""
        return None if self.negative else self.words

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
        if isinstance(value, Matcher):
            return value
        if not isinstance(value, str):
            raise ValueError('it is no text; write a matcher like severity="critical"')  # noqa: TRY004 - pydantic's own
        return cls.parse(value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "examples": list(cls.EXAMPLES)}


class RouteMatcher(Matcher):
    """A condition of a route, which may also be one on the integration: `@integration="prometheus-eu"`."""

    __slots__ = ()

    SHAPE: ClassVar = SHAPE_IN_ROUTES
    EXAMPLES: ClassVar[tuple[str, ...]] = (*Matcher.EXAMPLES, f'{INTEGRATION}="alertmanager"')


InRoute = Annotated[Matcher, GetPydanticSchema(lambda _, handler: handler.generate_schema(RouteMatcher))]
"""Any matcher; read from text as routes understand it."""


def _unescape(text: str) -> str:
    """As Alertmanager reads it: backslash, quote and line feed; any other backslash stands for itself, as in `\\d`."""
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """True where every matcher matches; no matcher at all matches everything."""
    return not matchers or all(matcher.matches(labels) for matcher in matchers)


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
