"""Labels out of what senders call tags, and how bad it is in three words.

How many there may be, and how long, is seen to where they become an alert's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from integrations.sources.reading import LABEL, line

Severity = Literal["critical", "warning", "info"]

SPOKEN: Mapping[str, Severity] = {
    **dict.fromkeys(("critical", "crit"), "critical"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("info", "information", "informational"), "info"),
}

KEYED = re.compile(r"([^\s:=]+)[:=](.+)")
PLAIN = "tags"
"""The label under which the tags without a key are, all of them."""


def tag_labels(tags: Iterable[object]) -> dict[str, str]:
    """`key:value` and `key=value` are a label each; see `pair_labels`."""
    return pair_labels(_pair(tag) for tag in tags)


def pair_labels(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Several values of one name are one label, in the order of the alphabet, whatever order they came in. A name
    without a value is a plain tag."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, said in pairs:
        name, value = line(key, LABEL), line(said, LABEL)
        found[name if name and value else PLAIN].add(value or name)
    said = {name: ", ".join(sorted(values - {""})) for name, values in found.items()}
    return {name: value for name, value in said.items() if value}


def _pair(tag: object) -> tuple[object, object]:
    keyed = KEYED.fullmatch(tag.strip()) if isinstance(tag, str) else None
    return (keyed[1], keyed[2]) if keyed else (tag, "")


def listed(value: object, separator: str | None = ",") -> list[object]:
    """A list as it is, and a text at its separators (None: at blanks)."""
    if isinstance(value, list):
        return value
    return [part.strip() for part in value.split(separator)] if isinstance(value, str) else []


def joined(value: object) -> object:
    """A list as one text, in the order of the alphabet; anything else as it is."""
    return ", ".join(sorted(filter(None, (line(item, LABEL) for item in value)))) if isinstance(value, list) else value


def graded(labels: Mapping[str, Any], otherwise: Severity) -> dict[str, Any]:
    """The labels with a `severity` of the three: that of a tag which says one, else `otherwise`."""
    return {**labels, "severity": SPOKEN.get(line(labels.get("severity"), LABEL).lower(), otherwise)}
