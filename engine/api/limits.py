"""Bodies of bounded size, whether their length is announced, wrongly announced or not announced at all."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive


def bounded(receive: Receive, headers: Mapping[str, str], limit: int) -> Receive:
    """Raises HTTPException 413 from the read that goes beyond `limit` bytes, and from the first where so many are
    announced."""
    arrived = 0

    async def read() -> Message:
        nonlocal arrived
        if announced(headers) > limit:
            raise too_large(limit)
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > limit:
            raise too_large(limit)
        return message

    return read


async def read_body(request: Request, headers: Mapping[str, str], limit: int) -> bytes:
    """Stops reading as soon as the body is too large. Raises HTTPException 413, and ClientDisconnect."""
    if announced(headers) > limit:
        raise too_large(limit)
    chunks, arrived, more = [], 0, True
    while more:  # Starlette's own stream does the same in three times the time
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        arrived += len(chunk)
        if arrived > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_plain(request: Request, limit: int) -> tuple[dict[str, str], bytes]:
    """The headers, their names in lower case, and the body. Raises HTTPException: 415 where it is compressed, 413."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise HTTPException(415, "Send the body uncompressed.", {"Accept-Encoding": "identity"})
    return headers, await read_body(request, headers, limit)


def announced(headers: Mapping[str, str]) -> int:
    """The length that the body is said to have; 0 where nothing is said that makes sense."""
    length = headers.get("content-length", "")
    return int(length[:18]) if length.isascii() and length.isdigit() else 0


def too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {limit} bytes.")
