"""What applying a configuration would change, and the digest that is the same exactly when nothing would."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from engine.config.stored import ORDER, leaves, masked, revealed
from engine.core.policy import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One value. None: it was not there before, or is not there after. A changed secret is ••• on both sides."""

    path: str
    before: str | None
    after: str | None


def difference(old: Config | None, new: Config) -> list[Change]:
    """Section by section, in the order of the new configuration; in each section what is gone comes last."""
    before, after = dict(leaves(revealed(old))) if old else {}, dict(leaves(revealed(new)))
    shown_before, shown_after = dict(leaves(masked(old))) if old else {}, dict(leaves(masked(new)))
    changed = [path for path in after | before if before.get(path) != after.get(path)]
    # The order of a list that is wholly new or gone says nothing that its entries don't.
    told = [path for path in changed if not path.endswith(ORDER) or (path in before and path in after)]
    return [
        Change(path=path, before=_text(shown_before.get(path)), after=_text(shown_after.get(path)))
        for path in sorted(told, key=_section)
    ]


def digest(config: Config) -> str:
    """SHA-256 in hex over every value, secrets among them, whatever the order of names where it means nothing."""
    values = sorted(leaves(revealed(config)))
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _section(path: str) -> int:
    return list(Config.model_fields).index(re.split(r"[.\[ ]", path, maxsplit=1)[0])


def _text(leaf: str | None) -> str | None:
    """As one would say it: lists without brackets, text without quotes."""
    if leaf is None:
        return None
    value = json.loads(leaf)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else leaf
