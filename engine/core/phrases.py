"""Looks for phrases in what an alert says: at word edges, however the words are joined, not where they are denied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

SPOKEN_LABELS = ("category", "type", "impact", "alertname")
"""The labels in which senders describe what happened in words of their own."""

DENIALS = frozenset({"no", "not", "non", "without", "never", "zero", "isnt"})

HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
STOP = re.compile(r"[^\w\s]+")
JOINTS = str.maketrans({"-": " ", "_": " ", "'": None, "\u2019": None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What was said and where, made ready for looking up phrases. `everything` answers the common "not at all" fast."""

    fields: tuple[tuple[str, str], ...]
    everything: str

    def evidence(self, phrases: tuple[str, ...]) -> str | None:
        """`the title says 'data loss'` for the first phrase that is said and not denied ("no data loss")."""
        return _evidence(self.fields, self.everything, phrases)


@lru_cache(maxsize=4096)  # a storm says the same over and over
def _evidence(fields: tuple[tuple[str, str], ...], everything: str, phrases: tuple[str, ...]) -> str | None:
    for needle, phrase in _needles(phrases):
        if needle in everything and _affirms(everything, needle):
            where = next(where for where, said in fields if _affirms(said, needle))
            return f"{where} says '{phrase}'"
    return None


def wording(labels: Mapping[str, str], **texts: str) -> Wording:
    """`texts` by the name that the evidence shall give them, as `title=…`."""
    said = [(f"the {name} label", labels[name]) for name in SPOKEN_LABELS if name in labels]
    said += [(f"the {name}", text) for name, text in texts.items()]
    fields = tuple((where, _spread(text)) for where, text in said)
    return Wording(fields=fields, everything="|".join(text for _, text in fields))


def _affirms(said: str, needle: str) -> bool:
    """Said at least once without a denial as the word before."""
    at = said.find(needle)
    while at >= 0:
        if said[said.rfind(" ", 0, at) + 1 : at] not in DENIALS:
            return True
        at = said.find(needle, at + 1)
    return False


@lru_cache(maxsize=1024)
def _needles(phrases: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What to look for, and the phrase that it stands for."""
    return tuple((needle, phrase) for phrase in phrases for needle in _forms(phrase))


def _forms(phrase: str) -> list[str]:
    """Padded: as written, with humps split, with its words run together."""
    plain, split = _words(phrase), _words(HUMP.sub(" ", phrase))
    return [f" {form} " for form in dict.fromkeys((plain, split, plain.replace(" ", ""))) if form]


@lru_cache(maxsize=1024)
def _spread(text: str) -> str:
    """Padded words, and the words again with humps split, so that both `PostgreSQL` and `DataLoss` are found."""
    split = HUMP.sub(" ", text)
    return f" {_words(text)} " if split == text else f" {_words(text)} | {_words(split)} "


def _words(text: str) -> str:
    """Case folded, one blank between words; a phrase never spans punctuation, which becomes a word of its own."""
    return " ".join(STOP.sub(" | ", text.translate(JOINTS)).split()).casefold()
