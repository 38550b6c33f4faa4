"""What a click entitles the app to: one modal by its trigger, and a few answers by its response URL.

Numbers: docs.slack.dev/interactivity/handling-user-interaction.
"""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from integrations.sandbox.slack_answers import TEAM
from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_values import Message

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 30 * 60.0
RESPONSES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """Who pressed a button under which version of a message, or, without a message, did something in a channel (none:
    on a tab of the app's own)."""

    user: str
    message: Message | None = None
    channel: str = ""


@dataclass(kw_only=True, slots=True)
class _Grant:
    click: Click
    until: float
    left: int


class Grants:
    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._issued: dict[str, _Grant] = {}
        self._numbers = itertools.count(1)

    def trigger(self, click: Click) -> str:
        """A fresh trigger id."""
        return self._issue(f"{next(self._numbers)}.0.{secrets.token_hex(16)}", click, TRIGGER_SECONDS, times=1)

    def response_path(self, click: Click) -> str:
        """The path of a fresh response URL."""
        path = f"/actions/{TEAM['id']}/{next(self._numbers)}/{secrets.token_hex(12)}"
        return self._issue(path, click, RESPONSE_SECONDS, times=RESPONSES)

    def exchange(self, trigger_id: str) -> Click | Refusal:
        unknown = Refusal(error="invalid_arguments", problems=("invalid `trigger_id`",))
        return self._spend(trigger_id, unknown, expired="expired_trigger_id", used="exchanged_trigger_id")

    def respond(self, path: str) -> Click | Refusal:
        return self._spend(path, Refusal(error="invalid_url"), expired="expired_url", used="used_url")

    def _issue(self, key: str, click: Click, seconds: float, *, times: int) -> str:
        self._issued[key] = _Grant(click=click, until=self._monotonic() + seconds, left=times)
        return key

    def _spend(self, key: str, unknown: Refusal, *, expired: str, used: str) -> Click | Refusal:
        grant = self._issued.get(key)
        if grant is None:
            return unknown
        if self._monotonic() > grant.until:
            return Refusal(error=expired)
        if grant.left == 0:
            return Refusal(error=used)
        grant.left -= 1
        return grant.click
