"""What the sandbox's Slack workspace is made of: people, conversations, messages, and what was shown to one person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]  # a vendor's object, kept as it came


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    id: str
    name: str
    email: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A conversation. `user` is the other person of a direct one; `member` says whether the app was invited."""

    id: str
    name: str
    user: str | None = None
    archived: bool = False
    private: bool = False
    member: bool = True
    topic: str = ""
    people: frozenset[str] = frozenset()
    pinned: tuple[str, ...] = ()
    bookmarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    action_id: str
    block_id: str
    text: str
    value: str
    style: str


class Change(StrEnum):
    POSTED = "posted"
    UPDATED = "updated"
    REACTED = "reacted"
    DELETED = "deleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What one message says."""

    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    metadata: Json | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it stood after one `change`. `author` is the person who wrote it, None for the app.

    `seq` numbers the changes of the whole workspace. `user` is the person whose direct conversation this is, None in a
    channel. `history` holds the earlier versions, oldest first, each without a history of its own. `posted_at` and
    `changed_at` are Unix seconds by the sandbox's clock; `changed_monotonic` is the machine's monotonic clock, which
    other processes can compare with theirs.
    """

    seq: int
    change: Change
    channel: str
    ts: str
    user: str | None
    content: Content
    posted_at: float
    changed_at: float
    changed_monotonic: float
    author: str | None = None
    thread_ts: str | None = None
    reactions: tuple[str, ...] = ()
    history: tuple["Message", ...] = ()

    @property
    def deleted(self) -> bool:
        return self.change is Change.DELETED

    @property
    def text(self) -> str:
        return self.content.text

    @property
    def blocks(self) -> tuple[Json, ...]:
        return self.content.blocks

    @property
    def metadata(self) -> Json | None:
        return self.content.metadata

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons that a person sees under this version, in reading order."""
        return buttons_of(self.blocks)

    def button(self, action_id: str) -> Button | None:
        return next((button for button in self.buttons if button.action_id == action_id), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ephemeral:
    """What only `user` was shown; `answers` is the `ts` of the message whose button was pressed, if one was."""

    user: str
    channel: str
    ts: str
    content: Content
    at: float
    answers: str | None = None

    @property
    def text(self) -> str:
        return self.content.text


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedView:
    user: str
    view: Json

    @property
    def title(self) -> str:
        shown: str = self.view["title"]["text"]
        return shown

    @property
    def fields(self) -> dict[str, Json]:
        """The input blocks by their ids, in reading order."""
        return {block["block_id"]: block for block in self.view["blocks"] if block["type"] == "input"}


def buttons_of(blocks: Iterable[Json]) -> tuple[Button, ...]:
    """In reading order."""
    return tuple(_button(block, element) for block in blocks for element in _elements(block))


def _elements(block: Json) -> Iterator[Json]:
    candidates = (*block.get("elements", ()), block.get("accessory") or {})
    return (element for element in candidates if element.get("type") == "button")


def _button(block: Json, element: Json) -> Button:
    return Button(
        action_id=element.get("action_id", ""),
        block_id=block["block_id"],
        text=element["text"]["text"],
        value=element.get("value", ""),
        style=element.get("style", ""),
    )
