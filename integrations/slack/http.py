"""Slack over HTTP: size and signature are checked on the raw body before anything reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from pydantic import SecretStr
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger(__name__)

LIMIT = 1_000_000
"""In bytes. Slack's own payloads stay far below."""
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)
"""bolt reads on without looking what it was given; what our own listeners raise it has caught before."""
TIMESTAMP = re.compile(r"[0-9]{1,12}")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


class SlackHttp:
    """What is mounted at `POST /slack/events`."""

    def __init__(self, app: AsyncApp, *, signing_secret: SecretStr) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret.get_secret_value())

    async def handle(self, request: Request) -> Response:
        """401 for what Slack didn't sign in the last 5 minutes, 413 and 400 for what can't be one of its payloads."""
        body = await _read(request)
        if body is None:
            return _refuse(413, f"The body is larger than {LIMIT} bytes.")
        if not self._is_signed(body, request.headers):
            return _refuse(401, "The request does not carry a signature of Slack's from the last 5 minutes.")
        try:
            payload = to_async_bolt_request(request, body)
            answer = await self._app.async_dispatch(payload)
        except UNREADABLE:
            return _refuse(400, "The body is no payload of Slack's: neither a JSON object nor a form with one.")
        return to_starlette_response(answer)

    def _is_signed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """The machine's clock counts here, not the engine's: Slack signs in real time, a drill may run faster.

        The shapes come first because the verifier raises on a header that is no number or not ASCII.
        """
        timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not (TIMESTAMP.fullmatch(timestamp) and SIGNATURE.fullmatch(signature) and _is_utf8(body)):
            return False
        return self._verifier.is_valid(body, timestamp, signature)


async def _read(request: Request) -> bytes | None:
    """None as soon as the body is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LIMIT:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse(status: int, sentence: str) -> Response:
    log.warning("slack.request_refused", status=status, reason=sentence)
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JSONResponse(problem, status, media_type="application/problem+json")
