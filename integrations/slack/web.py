"""Slack's Web API, as the channel and the app call it."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient


class SlackWeb:
    """`api_url` is another base than Slack's own, for a sandbox. `session` is the process's one HTTP session, which may
    be renewed."""

    def __init__(
        self, *, session: Callable[[], aiohttp.ClientSession], token: SecretStr | None, api_url: str | None
    ) -> None:
        self.session = session
        self.token = token.get_secret_value() if token else ""
        self._api_url = (api_url or AsyncWebClient.BASE_URL).rstrip("/") + "/"
        self._known: AsyncWebClient | None = None

    def client(self) -> AsyncWebClient:
        """Retries nothing by itself: who calls knows whether to."""
        session = self.session()
        if self._known is None or self._known.session is not session:
            self._known = AsyncWebClient(token=self.token, base_url=self._api_url, session=session, retry_handlers=[])
            # slack_sdk takes one from the environment even for loopback; the session knows better
            self._known.proxy = None
        return self._known
