"""Playbooks from folders of YAML files: those that are shipped, and an operator's own beside or instead of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.config.document import Document, Flaw, parse, read_text
from engine.config.explain import explain, nearest
from engine.core.errors import ConfigError, Finding
from engine.core.playbook import Playbook

ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A playbook with the document that it was read from, for pointing at a line of it."""

    playbook: Playbook
    document: Document


def shipped_folder() -> Path:
    """Beside the package: so it is installed from a wheel, and so it lies in a clone."""
    return Path(__file__).resolve().parent.parent / "playbooks"


def load_playbooks(folders: Sequence[Path], kinds: Collection[str] = ("manual",)) -> dict[str, Playbook]:
    """The playbooks of all folders by name; a later folder replaces those of an earlier one. `kinds`: the step kinds
    there are. Raises ConfigError with the findings of every file, also where a name is given twice in one folder."""
    found: dict[str, Playbook] = {}
    findings: list[Finding] = []
    for folder in folders:
        try:
            found |= _load_folder(folder, kinds)
        except ConfigError as error:
            findings += error.findings
    if findings:
        raise ConfigError(findings)
    return found


def _load_folder(folder: Path, kinds: Collection[str]) -> dict[str, Playbook]:
    written: dict[str, Written] = {}
    findings: list[Finding] = []
    for path in _files(folder):
        try:
            one = _load(path, kinds)
            first = written.setdefault(one.playbook.name, one)
            if first is not one:
                findings += _named_twice(one, first)
        except ConfigError as error:
            findings += error.findings
    if findings:
        raise ConfigError(findings)
    return {name: one.playbook for name, one in written.items()}


def _files(folder: Path) -> list[Path]:
    """Without hidden ones: editors keep their half-written copies there."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        wrong = f"the playbook folder can't be read: {error.strerror or type(error).__name__}"
        remedy = "name a folder that this user may read in playbooks.folders"
        raise ConfigError([Finding(file=str(folder), line=1, path="$", wrong=wrong, remedy=remedy)]) from error
    return [path for path in paths if path.suffix in ENDINGS and not path.name.startswith(".")]


def _load(path: Path, kinds: Collection[str]) -> Written:
    document = parse(read_text(path), str(path))
    flaws = list(document.flaws)
    try:
        playbook = Playbook.model_validate(document.value)
        flaws += _unknown_kinds(playbook, kinds)
    except ValidationError as error:
        flaws += explain(error, document.value, Playbook)
        raise ConfigError(document.findings(flaws)) from error
    if flaws:
        raise ConfigError(document.findings(flaws))
    return Written(playbook=playbook, document=document)


def _unknown_kinds(playbook: Playbook, kinds: Collection[str]) -> Iterator[Flaw]:
    for place, section in enumerate(playbook.sections):
        for turn, step in enumerate(section.steps):
            if step.kind not in kinds:
                at = ("sections", place, "steps", turn, "kind")
                yield Flaw(at=at, wrong=f"there is no step kind {step.kind!r}", remedy=nearest(step.kind, kinds))


def _named_twice(second: Written, first: Written) -> tuple[Finding, ...]:
    name = second.playbook.name
    wrong = f"{first.document.file} is named {name!r} too"
    remedy = "give each playbook of a folder a name of its own"
    return second.document.findings([Flaw(at=("name",), wrong=wrong, remedy=remedy)])
