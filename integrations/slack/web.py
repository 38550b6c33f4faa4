"""Slack's Web API, as the channel and the app call it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from integrations.slack.errors import read_refusal

LOGGER = logging.getLogger("slack_sdk.calls")
"""With a level of its own: slack_sdk asks for that alone, and writes out each request for a line that nobody sees."""
LOGGER.setLevel(logging.WARNING)

FOR_EACH_CHANNEL = frozenset({"chat.postMessage", "chat.postEphemeral"})
"""Methods that Slack limits for each conversation by itself; all others for the workspace:
docs.slack.dev/apis/web-api/rate-limits"""


class PatientClient(AsyncWebClient):
    """Leaves a method alone for as long as Slack has asked for: the call fails at once, as Slack would have it fail. It
    retries nothing by itself: who calls knows whether to."""

    def __init__(self, *, now: Callable[[], datetime], **settings: Any) -> None:
        super().__init__(retry_handlers=[], logger=LOGGER, **settings)
        self._now = now
        self._busy: dict[tuple[str, str], datetime] = {}
        # slack_sdk takes one from the environment even for loopback; the session knows better
        self.proxy = None

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        """Raises SlackApiError."""
        place = (api_method, _channel(arguments) if api_method in FOR_EACH_CHANNEL else "")
        left = self._busy.get(place, self._now()) - self._now()
        if left > timedelta():
            raise SlackApiError("left alone", self._limited(api_method, left))  # type: ignore[no-untyped-call]  # slack_sdk
        self._busy.pop(place, None)
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            refused = read_refusal(error)
            if refused.status == HTTPStatus.TOO_MANY_REQUESTS and refused.retry_after:
                self._busy[place] = self._now() + timedelta(seconds=refused.retry_after)
            raise

    def _limited(self, method: str, left: timedelta) -> AsyncSlackResponse:
        return AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url=method,
            req_args={},
            data={"ok": False, "error": "ratelimited"},
            headers={"Retry-After": str(ceil(left.total_seconds()))},
            status_code=HTTPStatus.TOO_MANY_REQUESTS,
        )


def _channel(arguments: dict[str, Any]) -> str:
    given = arguments.get("json") or arguments.get("params") or arguments.get("data") or {}
    return str(given.get("channel", ""))


class SlackWeb:
    """`api_url` is another base than Slack's own, for a sandbox. `session` is the process's one HTTP session, which may
    be renewed. `now` is the engine's clock."""

    def __init__(
        self,
        *,
        session: Callable[[], aiohttp.ClientSession],
        token: SecretStr | None,
        api_url: str | None,
        now: Callable[[], datetime],
    ) -> None:
        self.session = session
        self.token = token.get_secret_value() if token else ""
        self._api_url = (api_url or AsyncWebClient.BASE_URL).rstrip("/") + "/"
        self._now = now
        self._known: PatientClient | None = None

    def client(self) -> AsyncWebClient:
        session = self.session()
        if self._known is None or self._known.session is not session:
            self._known = PatientClient(now=self._now, token=self.token, base_url=self._api_url, session=session)
        return self._known
