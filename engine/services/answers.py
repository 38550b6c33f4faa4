"""Commands that may be sent twice and are done once: what they were answered is kept with what they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from engine.core.commands import Command
from engine.core.errors import Refusal
from engine.core.model import Actor, incident_id
from engine.db import records
from engine.services.context import Context
from engine.services.desk import Done, announce, perform

T = TypeVar("T")

CLAIMED = 0
"""The status of an answer that is still being worked out; no other transaction ever sees it."""


KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Who asks what, under which key of theirs. `request` is a digest of all that the answer depends on."""

    caller: str
    key: str
    request: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """An answer; `repeated` where it was given before and nothing was done now."""

    status: int
    body: str
    repeated: bool


async def run_once(
    context: Context,
    question: Question,
    *,
    ref: str,
    command: Command,
    actor: Actor,
    generation: int | None,
    show: Callable[[Done], str],
) -> Kept:
    """Does the command unless it was done under this key before. A refusal is not kept: it changed nothing, and the
    same question may be answered otherwise later. Raises Refusal; its code is `key_reused` where the key belongs to
    another request of the caller."""
    number, now = incident_id(ref), context.clock.now()

    def work(connection: Connection) -> Done:
        return perform(connection, context, number, command, actor, now, generation)

    def answer(done: Done) -> tuple[int, str]:
        return 200, show(done)

    def tell(done: Done) -> None:
        announce(context, number, command, actor, done)

    return await once(context, question, work, answer, tell, now)


async def once(
    context: Context,
    question: Question,
    work: Callable[[Connection], T],
    answer: Callable[[T], tuple[int, str]],
    tell: Callable[[T], None],
    now: datetime,
) -> Kept:
    """Does the work, in a transaction, unless it was done for this question before. `answer` makes a status and a body
    of what comes of it; `tell` hears of it after the commit. Raises as `run_once` does."""
    made: list[T] = []

    def attempt(connection: Connection) -> Kept:
        made.clear()
        kept = _find(connection, question)
        if kept is not None:
            return kept
        _claim(connection, question, now)
        done = work(connection)
        status, body = answer(done)
        records.settle_answer(connection, caller=question.caller, key=question.key, status=status, body=body)
        made.append(done)
        return Kept(status=status, body=body, repeated=False)

    kept = await context.database.write(attempt)
    for done in made:
        tell(done)
    return kept


def _find(connection: Connection, question: Question) -> Kept | None:
    row = records.answer(connection, question.caller, question.key)
    if row is None:
        return None
    if row.request != question.request:
        raise Refusal("key_reused", "This Idempotency-Key was used for another request; take a new one for this one.")
    return Kept(status=row.status, body=row.body, repeated=True)


def _claim(connection: Connection, question: Question, now: datetime) -> None:
    """Before anything is done: a second transaction with this key waits here for the first, then starts over and finds
    the answer."""
    records.keep_answer(
        connection,
        caller=question.caller,
        key=question.key,
        request=question.request,
        status=CLAIMED,
        body="",
        now=now,
    )


async def forget(context: Context) -> None:
    """Drops answers that are older than anybody's retries."""
    before = context.clock.now() - KEPT_FOR
    await context.database.write(lambda connection: records.drop_answers(connection, before))
