"""Tells a dead man's switch elsewhere that this engine lives: one GET, as Healthchecks and its like take it."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from engine.core.errors import DeliveryError
from integrations.channels.outbound import guarded_session, refusal
from integrations.channels.webhook_answers import accepted, rejected, unanswered

TIMEOUT = aiohttp.ClientTimeout(total=10)
USER_AGENT = {"User-Agent": "Tocsin"}


class Heartbeat:
    """The address is the secret part: whoever has it can keep the switch from raising the alarm."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._host = urlsplit(url.get_secret_value()).hostname or ""
        self._refused = refusal(link_local=False, private=True)

    async def __call__(self) -> None:
        """Raises DeliveryError, in which the address is no more than its host."""
        if reason := self._refused(self._host):
            raise DeliveryError(f"{self._host} is not called: it {reason}", permanent=True)
        try:
            async with (
                guarded_session(self._refused, TIMEOUT) as session,
                session.get(self._url.get_secret_value(), headers=USER_AGENT, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(self._host, error) from None
        if not accepted(status):
            raise rejected(self._host, status, said="", retry_after=None)
