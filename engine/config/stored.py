"""A configuration as plain values: whole for the database, masked for eyes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from engine.config.document import Document
from engine.config.explain import explain
from engine.core.errors import ConfigError
from engine.core.policy import Config
from engine.core.secrecy import mask

STORED = "the stored configuration"
PRIVATE = ("integrations", "channels", "heartbeats", "probes", "report_page")
SIMPLE = re.compile(r"[A-Za-z0-9_-]+")
ORDER = " (order)"


def to_document(config: Config) -> str:
    """JSON that reads back as an equal configuration, defaults written out: a later release's defaults don't change
    a revision. It holds the literal keys and is meant for the database only."""
    return json.dumps(revealed(config), ensure_ascii=False)


def from_document(document: str) -> Config:
    """Raises ConfigError for a document that this release does not understand."""
    value = json.loads(document)
    try:
        return Config.model_validate(value)
    except ValidationError as error:
        flaws = explain(error, value, Config)
        raise ConfigError(Document(file=STORED, value=value).findings(flaws)) from None


def revealed(config: Config) -> dict[str, Any]:
    """Everything, literal secrets too. Spans and matchers are text."""
    values = config.model_dump(mode="json", by_alias=True)
    for section, entries in (("integrations", config.integrations), ("heartbeats", config.heartbeats)):
        for name, entry in entries.items():
            if isinstance(entry.key, SecretStr):
                values[section][name]["key"] = entry.key.get_secret_value()
    if config.report_page is not None and isinstance(config.report_page.key, SecretStr):
        values["report_page"]["key"] = config.report_page.key.get_secret_value()
    return values


def masked(config: Config) -> dict[str, Any]:
    """The same, fit to be shown: literal secrets and what may hold one are masked."""
    values = config.model_dump(mode="json", by_alias=True)
    for section in PRIVATE:
        values[section] = mask("", values[section])
    return values


def literal_secrets(config: Config) -> frozenset[str]:
    """The secrets that stand in the configuration itself, for the log to hide."""
    shown = dict(leaves(masked(config)))
    hidden = [json.loads(leaf) for path, leaf in leaves(revealed(config)) if shown[path] != leaf]
    texts = [text for value in hidden for text in (value if isinstance(value, list) else [value])]
    return frozenset(str(text) for text in texts)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value as JSON, with its path. Entries that have names are found by them, so that a new one does not move
    the others; where their order means something, it is a value of its own."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, _join(path, key))
        if path.endswith(".reach"):
            yield path + ORDER, json.dumps(list(value))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        yield from _items(value, path)
    elif value is not None and value != []:
        yield path, json.dumps(value, ensure_ascii=False)


def _items(items: list[Any], path: str) -> Iterator[tuple[str, str]]:
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    named = None not in names and len(set(names)) == len(names)
    for place, item in enumerate(items):
        yield from leaves(item, f"{path}[{names[place] if named else place}]")
    if named:
        yield path + ORDER, json.dumps(names)


def _join(path: str, key: str) -> str:
    if not SIMPLE.fullmatch(key):
        return f"{path}[{key!r}]"
    return f"{path}.{key}" if path else key
