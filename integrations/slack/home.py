"""The home tab: what is mine, what is open, who is paged. Rendering is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from engine.core.errors import TocsinError
from engine.core.model import Incident, OwnAction
from engine.ports import Board, Desk, Watch
from integrations.slack.buttons import declare_button, home_acknowledge, home_finish
from integrations.slack.replies import Replies
from integrations.slack.text import moment, plain

log = structlog.get_logger(__name__)

OVERDUE = 20
"""Of a home tab's 100 blocks."""


class Home:
    def __init__(self, desk: Desk, replies: Replies) -> None:
        self._desk = desk
        self._replies = replies

    async def receive(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Somebody has opened the tab."""
        await ack()
        user = event.get("user")
        if isinstance(user, str) and event.get("tab", "home") == "home":
            self._replies.later(self.show(user))

    async def show(self, user: str) -> None:
        try:
            board = await self._desk.board(("slack", user))
        except TocsinError as error:
            log.info("slack.home_refused", user=user, error=str(error))
            await self._replies.publish(user, View(type="home", blocks=[_line(plain(str(error)))]))
            return
        await self._replies.publish(user, home(board))


def home(board: Board) -> View:
    mine = [one for one in board.incidents if board.me in (one.lease_owner, one.commander)]
    paged = [one for one in board.incidents if one not in mine and is_paged(board, one)]
    others = [one for one in board.incidents if one not in mine and one not in paged]
    blocks: list[Block] = [
        ActionsBlock(elements=[declare_button()]),
        *(_incidents(board, "You are paged", paged, "") if paged else ()),
        *_incidents(board, "Yours", mine, "Nothing is with you."),
        *_incidents(board, "Open incidents of others", others, "Nothing else is open."),
    ]
    if board.overdue:
        blocks += [_header("Your overdue actions"), *(_overdue(one) for one in board.overdue[:OVERDUE])]
    if board.more:
        blocks.append(_line("…and older ones; `tocsin incident list` shows all."))
    blocks += [DividerBlock(), _header("On call now"), *(_line(watch_line(board, one)) for one in board.watches)]
    return View(type="home", blocks=blocks)


def _overdue(action: OwnAction) -> Block:
    """`due 2026-12-31 Renew by machine · INC-42 Checkout is down`"""
    one, item = action.incident, action.item
    told = f"due {plain(item.due_on or '', 20)} *{plain(item.what, 300)}* · {one.ref} {plain(one.title, 150)}"
    return SectionBlock(text=_markdown(told), accessory=home_finish(action))


def is_paged(board: Board, one: Incident) -> bool:
    """Nobody has it, a level on which I have a seat was reached, and I have not passed it on."""
    if not one.state.active or one.acknowledged_at is not None or board.me in one.declined:
        return False
    return any(watch.level <= one.level and board.me in (watch.primary, watch.secondary) for watch in board.watches)


def _incidents(board: Board, title: str, found: Iterable[Incident], nothing: str) -> Iterator[Block]:
    yield _header(title)
    empty = True
    for one in found:
        empty = False
        button = home_acknowledge(one) if one.state.active and one.acknowledged_at is None else None
        yield SectionBlock(text=_markdown(incident_line(board, one)), accessory=button)
    if empty:
        yield _line(nothing)


def incident_line(board: Board, one: Incident) -> str:
    """`P0 INC-42 Checkout is down · detection, nobody has it · since 03:10`."""
    holder = one.lease_owner or one.commander
    who = f"with {plain(board.people.get(holder, holder), 80)}" if holder else "nobody has it"
    since = moment(one.opened_at, now=board.now, zone=board.zone)
    return f"*{one.priority} {one.ref}* {plain(one.title, 150)} · {one.state}, {who} · since {since}"


def watch_line(board: Board, watch: Watch) -> str:
    """`Level 1 Operations: Ana Silva, then Ben Okafor`."""
    seats = [seat for seat in (watch.primary, watch.secondary) if seat]
    names = ", then ".join(plain(board.people.get(seat, seat), 80) for seat in seats)
    return f"*Level {watch.level} {plain(watch.title, 80)}:* {names}"


def _header(text: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=text, emoji=False))


def _line(text: str) -> SectionBlock:
    return SectionBlock(text=_markdown(text))


def _markdown(text: str) -> MarkdownTextObject:
    return MarkdownTextObject(text=text, verbatim=True)
