"""What probes that speak HTTP share: the address, its secrets, the connection, and how long all of it took."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

import aiohttp
from aiohttp.connector import Connection
from pydantic import Field, SecretStr, field_validator, model_validator
from yarl import URL

from engine.core.policy import Model, SecretRef
from integrations.channels.foreign import web_address
from integrations.channels.outbound import guarded_session, refusal
from integrations.probes.resolving import Resolver

NO_LIMIT = aiohttp.ClientTimeout(total=None)
"""Whoever runs the probe cuts it off."""
REDIRECTS = 5
DAY = 86_400
AGENT = {"User-Agent": "Tocsin"}
HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
CONTENT = r"^[\t\x20-\x7e\x80-\xff]*$"


class Target(Model):
    """An address, and what it takes to be let in."""

    url: SecretStr | SecretRef
    """The whole address; it may hold a key, or user:password@."""
    token: SecretStr | SecretRef | None = None
    """Sent as `Authorization: Bearer`."""
    headers: dict[Annotated[str, Field(pattern=HEADER)], Annotated[str, Field(pattern=CONTENT)]] = Field(default={})
    """Sent as they are; a secret is better kept as `token`."""
    verify: bool = True
    """Whether its certificate has to be valid."""
    ca: Path | None = None
    """A file with the certificates that it may be signed by, in place of the machine's own."""
    allow_link_local: bool = False
    """Permit link-local and cloud metadata addresses."""

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: SecretStr | SecretRef) -> SecretStr | SecretRef:
        if isinstance(url, SecretStr) and web_address(url.get_secret_value()) is None:
            raise ValueError("it is not a web address; write it like https://shop.example.com/health")
        return url

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.token is not None and self.address.user is not None:
            raise ValueError("`token` and a user in the address are two proofs of identity; give one of them")
        return self

    @property
    def address(self) -> URL:
        return URL(revealed(self.url))

    @property
    def place(self) -> str:
        """Fit to be shown."""
        address = self.address
        return f"{address.host}:{address.port}"


def revealed(secret: SecretStr | SecretRef | None) -> str:
    """References have been replaced before a probe runs; one that was not is empty."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else ""


class Response(aiohttp.ClientResponse):
    """Knows the certificate of the connection that it came by, which may be gone when the response is read."""

    certificate: Mapping[str, Any] | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        if connection.transport is not None:
            self.certificate = connection.transport.get_extra_info("peercert")
        return await super().start(connection)


@dataclass(kw_only=True, slots=True)
class Exchange:
    """One request's answer. `seconds` is known once it has been read."""

    status: int
    charset: str | None
    body: bytes
    seconds: float
    certificate: Mapping[str, Any] | None

    def days_left(self, now: datetime) -> float | None:
        """Until the certificate ends; None where there is none that was looked at."""
        if not self.certificate or "notAfter" not in self.certificate:
            return None
        return (ssl.cert_time_to_seconds(self.certificate["notAfter"]) - now.timestamp()) / DAY


async def ask(
    target: Target, resolver: Resolver, method: str, url: URL, *, most: int, follow: bool = False, **more: Any
) -> Exchange:
    """Reads `most` bytes of the body at most. Raises aiohttp.ClientError and OSError."""
    begun = asyncio.get_running_loop().time()
    async with _asked(target, resolver, method, url, follow=follow, **more) as answer:
        body = await _read(answer, most)
        return Exchange(
            status=answer.status,
            charset=answer.charset,
            body=body,
            seconds=round(asyncio.get_running_loop().time() - begun, 6),
            certificate=answer.certificate if isinstance(answer, Response) else None,
        )


@asynccontextmanager
async def _asked(
    target: Target, resolver: Resolver, method: str, url: URL, *, follow: bool, **more: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    refused = refusal(link_local=target.allow_link_local, private=True)
    if reason := refused(url.host or ""):
        raise PermissionError(reason)
    authorization = {"Authorization": f"Bearer {revealed(target.token)}"} if target.token else {}
    async with (
        guarded_session(refused, NO_LIMIT, resolver=resolver, response=Response) as session,
        session.request(
            method,
            url,
            headers={**AGENT, **target.headers, **authorization},
            allow_redirects=follow,
            max_redirects=REDIRECTS,
            ssl=_trust(target),
            **more,
        ) as answer,
    ):
        yield answer


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.content.iter_any():
        chunks.append(chunk[: most - size])
        size += len(chunk)
        if size >= most:
            answer.close()  # the rest of it is not wanted, however long it goes on
            break
    return b"".join(chunks)


def _trust(target: Target) -> ssl.SSLContext | bool:
    if not target.verify:
        return False
    if target.ca is None:
        return True
    return _trusting(target.ca, target.ca.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _trusting(ca: Path, _changed: int) -> ssl.SSLContext:
    """Read once, and again when the file has changed."""
    return ssl.create_default_context(cafile=str(ca))
