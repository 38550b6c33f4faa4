"""JMESPath expressions that pick fields out of any JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jmespath
from jmespath.exceptions import ArityError, JMESPathError, UnknownFunctionError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

Node = Any  # jmespath's syntax tree: dicts of `type`, `value` and `children`


class Expression:
    """One compiled expression, like `event.name || title`.

    Chains of plain fields, which most are, are walked here: the interpreter takes eight times as long.
    """

    __slots__ = ("_compiled", "_fields", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError with what is wrong."""
        self.text = text
        self._compiled = _compile(text)
        self._fields = _alternatives(self._compiled.parsed)

    def search(self, value: object) -> object:
        """What the expression picks; None where it picks nothing or the value is of a kind it can't work on."""
        if self._fields:
            return _first(self._fields, value)
        try:
            return self._compiled.search(value)
        except (JMESPathError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
            # The functions of JMESPath meet foreign values here: what they choke on is a field that is not there.
            return None

    @property
    def names(self) -> frozenset[str]:
        """The fields of the value itself that a chain of plain fields looks at."""
        return frozenset(path[0] for path in self._fields if len(path) == 1)

    @property
    def place(self) -> str:
        """Where it looks first, in the manner of a JSON path: what follows `$` or an index."""
        if not self._fields:
            return f".{self.text}"
        return "".join(f".{name}" for name in self._fields[0])

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._from, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _from(cls, value: object) -> Expression:
        if isinstance(value, Expression):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r:.40} is not a JMESPath expression: it is not a text")  # noqa: TRY004 - pydantic's
        return cls(value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "examples": ["event.name", "title || message"]}


def _compile(text: str) -> ParsedResult:
    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"{text!r} is not a JMESPath expression: {_first_line(error)}") from error
    for node in _functions(compiled.parsed):
        _check_function(text, node)
    return compiled


def _check_function(text: str, node: Node) -> None:
    """JMESPath itself finds an unknown function or a wrong number of arguments only when it meets an alert."""
    try:
        TreeInterpreter().visit(node, {})
    except (UnknownFunctionError, ArityError) as error:
        raise ValueError(f"{text!r} can't be evaluated: {_first_line(error)}") from error
    except JMESPathError:
        return  # there is nothing to work on yet


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(":")


def _functions(node: Node) -> Iterator[Node]:
    if node["type"] == "function_expression":
        yield node
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from _functions(child)


def _alternatives(node: Node) -> tuple[tuple[str, ...], ...]:
    """The paths of `a.b || c` in their order; none where the expression is anything else."""
    if node["type"] != "or_expression":
        path = _path(node)
        return (path,) if path else ()
    left, right = (_alternatives(child) for child in node["children"])
    return left + right if left and right else ()


def _path(node: Node) -> tuple[str, ...]:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return ()
    paths = [_path(child) for child in node["children"]]
    return sum(paths, ()) if all(paths) else ()


def _first(paths: tuple[tuple[str, ...], ...], value: object) -> object:
    """The first that is something; nothing is what JMESPath's `||` passes over, and 0 is not."""
    found: object = None
    for path in paths:
        found = value
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not (found is None or found is False or found in ("", [], {})):
            return found
    return found
