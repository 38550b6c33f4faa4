"""The arguments of one Web API call, however the client sent them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_values import Json

# Objects and lists that a form can only carry as text: docs.slack.dev/apis/web-api#slack-web-api__basics__post-bodies
_STRUCTURED = ("blocks", "attachments", "metadata", "view", "files")
_TRUE = (True, 1, "1", "true", "True")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    values: Mapping[str, Any]

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        return self.values.get(name) in _TRUE

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        return int(value) if value.isdecimal() else default

    def object(self, name: str) -> Json | None:
        value = self.values.get(name)
        return value if isinstance(value, dict) else None

    def objects(self, name: str) -> tuple[Json, ...] | None:
        """A list of objects; None where the argument is missing or is anything else."""
        value = self.values.get(name)
        return tuple(value) if isinstance(value, list) and all(isinstance(one, dict) for one in value) else None


async def read_arguments(request: web.Request) -> Arguments | Refusal:
    """The query and the body, JSON or form, taken together; what Slack says of a body that cannot be read."""
    if request.content_type == "application/json":
        body = _read_json(await request.read())
    else:
        body = dict(await request.post())
    if isinstance(body, Refusal):
        return body
    return Arguments(values={name: _structured(name, value) for name, value in {**request.query, **body}.items()})


def _read_json(raw: bytes) -> dict[str, Any] | Refusal:
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return Refusal(error="invalid_json")
    return body if isinstance(body, dict) else Refusal(error="json_not_object")


def _structured(name: str, value: Any) -> Any:
    if name not in _STRUCTURED or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # the method refuses it under the name that Slack has for this argument
