"""A YAML text as plain values that remember their lines.

The subset is YAML 1.2's core: `on` and `yes` are words, 17:00 is no number of seconds, and a phone number with a plus
or a leading zero stays text. Safe on hostile input: size, depth and what aliases stand for are bounded, tags refused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.core.errors import ConfigError, Finding

LARGEST = 1024 * 1024
DEEPEST = 32
MOST_VALUES = 100_000
MOST_FINDINGS = 100
LONGEST_QUOTE = 60
WRITTEN_BY_PEOPLE = "a configuration is written by people; leave out what is not"

Steps = tuple[str | int, ...]
"""The way to a value: keys of mappings and places in lists."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
LENIENT = re.compile(r"[\t\ufeff]")
"""What libyaml lets pass where PyYAML does not."""
SIMPLE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaw:
    """Something wrong at a place of the document, and what would be right. `line` is only for what has no place."""

    at: Steps
    wrong: str
    remedy: str
    line: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """`lines` holds the line, from 1, of every key and list item; `flaws` what is wrong with the YAML as such."""

    file: str
    value: Any
    lines: Mapping[Steps, int] = field(default_factory=dict)
    flaws: tuple[Flaw, ...] = ()

    def line(self, at: Steps) -> int:
        """That of the nearest thing that is there."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def findings(self, flaws: Iterable[Flaw]) -> tuple[Finding, ...]:
        """In the order of the file, each once; of very many the first."""
        found = sorted({self._finding(flaw) for flaw in flaws}, key=lambda one: (one.line, one.path, one.wrong))
        if len(found) <= MOST_FINDINGS:
            return tuple(found)
        more = f"{len(found) - MOST_FINDINGS} more faults are not shown"
        rest = Finding(file=self.file, line=found[MOST_FINDINGS].line, path="$", wrong=more, remedy="mend these first")
        return (*found[:MOST_FINDINGS], rest)

    def _finding(self, flaw: Flaw) -> Finding:
        line = flaw.line or self.line(flaw.at)
        return Finding(file=self.file, line=line, path=spell(flaw.at), wrong=flaw.wrong, remedy=flaw.remedy)


class TooMuch(yaml.MarkedYAMLError):
    """More than a configuration can be; `note` is what to do about it."""

    def __init__(self, node: yaml.Node, problem: str, note: str) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark, note=note)


def read_text(path: Path, *, remedy: str = WRITTEN_BY_PEOPLE) -> str:
    """Raises ConfigError for a file that can't be read, is too large, or is not UTF-8. `remedy`: for one too large."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _failure(str(path), 1, f"can't be read: {why}", "name a file that this user may read") from error
    if len(content) > LARGEST:
        raise _too_large(str(path), remedy)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise _failure(str(path), line, wrong, "save the file in UTF-8") from error


def parse(text: str, file: str) -> Document:
    """Raises ConfigError for what is no YAML, or more of it than a configuration can be."""
    if len(text) > LARGEST:
        raise _too_large(file)
    try:
        node = _compose(text)
        reader = Reader()
        value = reader.read(node, ())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _failure(file, line, f"character U+{error.character:04X} is not allowed in YAML", "remove it") from error
    except yaml.MarkedYAMLError as error:
        raise _failure(file, *_describe(error)) from error
    return Document(file=file, value=value, lines=reader.lines, flaws=tuple(reader.flaws))


def spell(at: Steps) -> str:
    """`policies.standard.P0.steps[1].level`; `$` for the whole."""
    text = ""
    for step in at:
        if isinstance(step, int):
            text += f"[{step}]"
        elif SIMPLE_KEY.fullmatch(step):
            text += f".{step}"
        else:
            text += f"[{shorten(step)}]"
    return text.removeprefix(".") or "$"


def shorten(value: object) -> str:
    """A value in quotes, fit for one line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


class Bounded(yaml.composer.Composer):
    """YAML nodes, down to a bounded depth: PyYAML itself would recurse until the stack ends."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if parent is not None and self._depth > DEEPEST:
            raise TooMuch(
                parent, f"this is nested more than {DEEPEST} deep", "a configuration is not; look at the dashes"
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class Composer(Bounded, yaml.BaseLoader):
    """In Python: it says best what is wrong, and its word counts."""


COMPOSERS: list[Callable[[str], Bounded]] = [Composer]

if yaml.__with_libyaml__:

    class SwiftComposer(Bounded, yaml.CBaseLoader):
        """On libyaml, where PyYAML was built with it: in a tenth of the time."""

        def __init__(self, text: str) -> None:
            yaml.CBaseLoader.__init__(self, text)
            Bounded.__init__(self)

    COMPOSERS.insert(0, SwiftComposer)


def _compose(text: str) -> yaml.Node | None:
    *swift, sure = COMPOSERS
    for composer in swift if not LENIENT.search(text) else ():
        with contextlib.suppress(yaml.YAMLError, UnicodeError):
            return composer(text).get_single_node()
    return sure(text).get_single_node()


class Reader:
    """Turns nodes into values. An alias is read again wherever it stands, so all it stands for is counted."""

    def __init__(self) -> None:
        self.lines: dict[Steps, int] = {}
        self.flaws: list[Flaw] = []
        self._values = 0

    def read(self, node: yaml.Node | None, at: Steps) -> Any:
        if node is None:
            return None
        self._values += 1
        if self._values > MOST_VALUES or len(at) > DEEPEST:
            raise TooMuch(node, f"aliases stand for more than {MOST_VALUES} values, or for themselves", "write it out")
        self.lines.setdefault(at, node.start_mark.line + 1)
        if node.tag not in PLAIN_TAGS:
            self._flaw(at, f"the tag {shorten(node.tag)} is not understood", "remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*at, place)) for place, item in enumerate(node.value)]
        if UNSTORABLE.search(node.value):
            self._flaw(at, "it holds a character that no database can store", "remove the escape for it")
        return node.value if isinstance(node, yaml.ScalarNode) and node.style else _scalar(node.value)

    def _mapping(self, node: yaml.MappingNode, at: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._flaw(at, "a key is not a name", "write keys as plain text", line)
            elif key.value in found:
                first = self.lines[(*at, key.value)]
                self._flaw((*at, key.value), f"is given twice, first on line {first}", "remove one of them", line)
            else:
                self.lines[(*at, key.value)] = line
                found[key.value] = self.read(value, (*at, key.value))
        return found

    def _flaw(self, at: Steps, wrong: str, remedy: str, line: int | None = None) -> None:
        self.flaws.append(Flaw(at=at, wrong=wrong, remedy=remedy, line=line))


def _scalar(text: str) -> object:
    if text in NULLS:
        return None
    if text in TRUTHS:
        return TRUTHS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text


def _describe(error: yaml.MarkedYAMLError) -> tuple[int, str, str]:
    """Line, what is wrong, what would be right. PyYAML's context says where the construct in question began."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = error.problem or "it is not YAML"
    began = f" ({error.context}, line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    usual = (
        "indent with blanks, not tabs" if "'\\t'" in problem else "look at the indentation, quotes and brackets there"
    )
    return line, f"{problem}{began}", error.note or usual


def _too_large(file: str, remedy: str = WRITTEN_BY_PEOPLE) -> ConfigError:
    return _failure(file, 1, "is larger than 1 MiB", remedy)


def _failure(file: str, line: int, wrong: str, remedy: str) -> ConfigError:
    return ConfigError([Finding(file=file, line=line, path="$", wrong=wrong, remedy=remedy)])
