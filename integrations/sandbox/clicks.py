"""Slack's requests to the app: clicks and events, signed as Slack signs them, or forged."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox.slack_answers import APP_ID, BOT_USER, TEAM, VERIFICATION_TOKEN, show_message
from integrations.sandbox.slack_values import Button, Channel, Json, Message, User

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
STALE_SECONDS = 5 * 60  # older requests are to be refused: docs.slack.dev/authentication/verifying-requests-from-slack
TIMESTAMP = "X-Slack-Request-Timestamp"
SIGNATURE = "X-Slack-Signature"


class Forgery(Enum):
    WRONG_SIGNATURE = auto()
    """Signed with another secret."""
    OLD_TIMESTAMP = auto()
    """Signed rightly, ten minutes ago: a replay."""
    UNSIGNED = auto()
    """Neither signature nor timestamp."""
    TRUNCATED = auto()
    """The second half of the body is missing, the signature is that of the whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppAnswer:
    """How the app answered one request of Slack's; `elapsed` in seconds, of which Slack grants three."""

    status: int
    body: str
    headers: Mapping[str, str]
    elapsed: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedRequest:
    body: bytes
    headers: dict[str, str]


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's `v0` signature of a raw body."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return f"v0={digest}"


def signed_request(
    body: bytes, content_type: str, *, secret: str, now: float, forgery: Forgery | None = None
) -> SignedRequest:
    stamp = str(int(now) - (2 * STALE_SECONDS if forgery is Forgery.OLD_TIMESTAMP else 0))
    key = f"not {secret}" if forgery is Forgery.WRONG_SIGNATURE else secret
    headers = {"Content-Type": content_type, "User-Agent": USER_AGENT}
    if forgery is not Forgery.UNSIGNED:
        headers |= {TIMESTAMP: stamp, SIGNATURE: sign(key, stamp, body)}
    sent = body[: len(body) // 2] if forgery is Forgery.TRUNCATED else body
    return SignedRequest(body=sent, headers=headers)


def encode_json(payload: Json) -> bytes:
    return json.dumps(payload).encode()


def as_http(kind: str, payload: Json) -> tuple[bytes, str]:
    """The body and its type, as Slack posts a request of this kind: an event, an interaction or a command."""
    if kind == "events_api":
        return encode_json(payload), JSON
    return (urlencode(payload).encode() if kind == "slash_commands" else form_body(payload)), FORM


def form_body(payload: Json) -> bytes:
    """How Slack sends an interaction: a form with one field."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def block_actions(
    message: Message, button: Button, *, user: User, channel: Channel, trigger_id: str, response_url: str, now: float
) -> Json:
    """docs.slack.dev/reference/interaction-payloads/block_actions-payload, for a button under a message."""
    return {
        **_interaction("block_actions", user),
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": False,
        },
        "trigger_id": trigger_id,
        "channel": {"id": channel.id, "name": channel.name},
        "message": show_message(message),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [_action(button, now)],
    }


def home_actions(button: Button, view: Json, *, user: User, trigger_id: str, now: float) -> Json:
    """The same for a button on a home tab: no message, no channel, no response URL."""
    return {
        **_interaction("block_actions", user),
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": trigger_id,
        "view": view,
        "actions": [_action(button, now)],
    }


def view_submission(view: Json, answers: Mapping[str, str | None], *, user: User, trigger_id: str) -> Json:
    """docs.slack.dev/reference/interaction-payloads/view-interactions-payload, with every field of the dialog."""
    fields = (block for block in view["blocks"] if block["type"] == "input")
    values = {block["block_id"]: _entered(block["element"], answers.get(block["block_id"])) for block in fields}
    return {
        **_interaction("view_submission", user),
        "trigger_id": trigger_id,
        "view": {**view, "state": {"values": values}},
        "response_urls": [],
    }


def global_shortcut(callback_id: str, *, user: User, trigger_id: str, now: float) -> Json:
    """docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload"""
    return {
        **_interaction("shortcut", user),
        "callback_id": callback_id,
        "trigger_id": trigger_id,
        "action_ts": f"{now:.6f}",
    }


def slash_command(
    command: str, text: str, *, user: User, channel: Channel, trigger_id: str, response_url: str
) -> dict[str, str]:
    """docs.slack.dev/interactivity/implementing-slash-commands: the fields of a form."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM["id"],
        "team_domain": TEAM["domain"],
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interaction(kind: str, user: User) -> Json:
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM["id"]},
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "team": TEAM,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _entered(element: Json, answer: str | None) -> Json:
    """What the field holds: the answer, else what it began with."""
    action, kind = element["action_id"], element["type"]
    if kind == "static_select":
        options = element["options"]
        chosen = next((one for one in options if one["value"] == answer), element.get("initial_option"))
        return {action: {"type": kind, "selected_option": chosen}}
    return {action: {"type": kind, "value": answer if answer is not None else element.get("initial_value")}}


def event_callback(event: Json, *, event_id: str, now: float) -> Json:
    """The envelope of docs.slack.dev/apis/events-api for one event."""
    authorization = {
        "enterprise_id": None,
        "team_id": TEAM["id"],
        "user_id": BOT_USER,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM["id"],
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(now),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
    }


def url_verification(challenge: str) -> Json:
    return {"token": VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}


def _action(button: Button, now: float) -> Json:
    pressed: Json = {
        "action_id": button.action_id,
        "block_id": button.block_id,
        "text": {"type": "plain_text", "text": button.text, "emoji": True},
        "type": "button",
        "action_ts": f"{now:.6f}",
    }
    optional = {"value": button.value, "style": button.style}
    return pressed | {name: value for name, value in optional.items() if value}
