"""Products that lose, double or hush up a page: the suite has to find each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, update

from engine.db import outbox
from engine.db.tables import outbox as messages
from engine.ports import Envelope, Receipt
from integrations.channels.slack import SlackChannel

LATER = 0.2
HELD = messages.c.claimed_until.is_not(None)
NOBODYS = {"claimed_by": None, "claimed_until": None}


class Break(StrEnum):
    RECEIPT_FIRST = "receipt-first"
    """The receipt is on record before the message is out."""
    CLAIMS_DROPPED = "claims-dropped"
    """What a killed process was sending counts as sent at the next start."""
    REPEATS_UNMARKED = "repeats-unmarked"
    """What a killed process was sending is sent again as if for the first time."""


@contextmanager
def broken(defect: Break | None) -> Iterator[None]:
    match defect:
        case Break.RECEIPT_FIRST:
            with patch.object(SlackChannel, "send", _later(SlackChannel.send)):
                yield
        case Break.CLAIMS_DROPPED:
            with patch.object(outbox, "release_all", _count_as_sent):
                yield
        case Break.REPEATS_UNMARKED:
            with patch.object(outbox, "release_all", _forget_the_try):
                yield
        case None:
            yield


def _later(send: Any) -> Any:
    under_way = set()

    async def promise(channel: Any, envelope: Envelope) -> Receipt:
        if envelope.receipt is not None:
            receipt: Receipt = await send(channel, envelope)
            return receipt

        async def keep() -> None:
            await asyncio.sleep(LATER)
            await send(channel, envelope)

        under_way.add(asyncio.create_task(keep()))
        return Receipt(reference="promised", data={"channel": "C0INCIDENTS", "ts": "0"})

    return promise


def _count_as_sent(connection: Connection) -> int:
    return connection.execute(update(messages).where(HELD).values(state="sent", **NOBODYS)).rowcount


def _forget_the_try(connection: Connection) -> int:
    waiting = update(messages).where(HELD, messages.c.state == "claimed").values(state="pending", **NOBODYS)
    count = connection.execute(waiting).rowcount
    connection.execute(update(messages).where(HELD).values(**NOBODYS))
    return count
