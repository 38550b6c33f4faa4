"""One GET of a vendor's own document, like the certificate that its messages are signed with."""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from engine.core.errors import Unreachable
from integrations.channels.outbound import guarded_session, refusal
from integrations.channels.webhook_answers import silence, unreached

TIMEOUT = aiohttp.ClientTimeout(total=5)
"""A sender waits as long: SNS gives up after 15 seconds."""
LARGEST = 64 * 1024
USER_AGENT = {"User-Agent": "Tocsin"}


class Fetcher:
    """Private addresses are allowed: inside a cloud, a vendor's name may lead to an endpoint in one's own network.

    `trust` and `resolver` are the system's own unless given.
    """

    def __init__(self, *, trust: ssl.SSLContext | None = None, resolver: AbstractResolver | None = None) -> None:
        self._trust: ssl.SSLContext | bool = trust or True
        self._resolver = resolver
        self._refused = refusal(link_local=False, private=True)

    async def __call__(self, url: str) -> bytes:
        """Raises Unreachable: for anything but https and a 200, too."""
        address = URL(url, encoded=True)
        if address.scheme != "https" or not address.host:
            raise Unreachable("what is to be fetched is not at an https address")
        if reason := self._refused(address.host):
            raise Unreachable(f"{address.host} is not called: it {reason}")
        try:
            return await self._get(address)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(str(unreached(address.host, error))) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            # Not chained: the address may hold a token, and the error's text holds the address.
            raise Unreachable(f"{address.host} {silence(error)}") from None

    async def _get(self, address: URL) -> bytes:
        async with (
            guarded_session(self._refused, TIMEOUT, resolver=self._resolver) as session,
            session.get(address, headers=USER_AGENT, allow_redirects=False, ssl=self._trust) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004
                raise Unreachable(f"{address.host} answered {answer.status}")
            body = b""
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    raise Unreachable(f"{address.host} answered more than {LARGEST} bytes")
            return body
