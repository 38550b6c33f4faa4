"""Configurations: the shipped one with the times and people of a table, and tables that chance has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from random import Random

from engine.config.stored import from_document, to_document
from engine.core.policy import Config, Ladder, Level, Step
from tests.services.engines import documented
from tests.simulation.standard import DOCUMENTED, MINUTE, Row, Table

LEVELS = {1: "operations", 2: "engineering", 3: "executive"}


@cache
def read(document: str) -> Config:
    """As the engine reads it; a revision never changes."""
    return from_document(document)


def document_of(table: Table) -> str:
    """The shipped configuration with what the table says in place of its own. What is documented is left as it ships:
    so the shipped configuration is what the oracle's table is held against."""
    shipped = documented()[0]
    if table == DOCUMENTED:
        return to_document(shipped)
    standard = shipped.policies["standard"]
    ladders = {name: _ladder(getattr(standard, name), row) for name, row in table.rows.items()}
    policy = standard.model_copy(update=ladders)
    levels = {name: _level(shipped.levels[name], *table.people[number]) for number, name in LEVELS.items()}
    return to_document(shipped.model_copy(update={"policies": {"standard": policy}, "levels": levels}))


def _ladder(ladder: Ladder, row: Row) -> Ladder:
    steps = (ladder.steps[0], *(Step(level=LEVELS[number], after=after) for number, after in row.levels.items()))
    return ladder.model_copy(
        update={"steps": steps, "respond_within": row.respond or ladder.respond_within, "lease": row.lease}
    )


def _level(level: Level, primary: str, secondary: str) -> Level:
    return level.model_copy(update={"primary": primary, "secondary": secondary})


def another(chance: Random) -> Table:
    """Other people or other times, as a team changes them."""
    rows = {name: _another_row(chance, row) for name, row in DOCUMENTED.rows.items()}
    people = {number: chance.choice([pair, pair[::-1]]) for number, pair in DOCUMENTED.people.items()}
    return replace(DOCUMENTED, rows=rows, people=people)


def _another_row(chance: Random, row: Row) -> Row:
    if row.respond is None:
        return row
    return replace(
        row,
        respond=_near(chance, row.respond),
        levels={number: _near(chance, after) for number, after in row.levels.items()},
        lease=_near(chance, row.lease) if row.lease else None,
    )


def _near(chance: Random, span: timedelta) -> timedelta:
    return max(2 * MINUTE, round(span / MINUTE * chance.choice([0.7, 1, 1, 1.3])) * MINUTE)
