"""The Slack app as Slack creates it from a manifest, with as few scopes as it needs.

Its form: docs.slack.dev/reference/app-manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.core.errors import SettingsError
from integrations.slack.modals import Modal
from integrations.slack.rooms import SHORTCUT

EVENTS = "/slack/events"
NAME = "Tocsin"
DESCRIPTION = "Incidents: who is paged, who has it, what comes next"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """`methods`: of Slack's Web API, what it is needed for. `required`: without it Slack can't be a channel at all."""

    name: str
    why: str
    methods: tuple[str, ...]
    required: bool = False


SCOPES = (
    Scope(
        name="chat:write",
        why="pages people directly, posts one card for each incident, brings both up to date",
        methods=(
            *("chat.postMessage", "chat.postEphemeral", "chat.update", "chat.getPermalink"),
            *("views.open", "views.publish"),
        ),
        required=True,
    ),
    Scope(
        name="chat:write.public",
        why="posts cards into public channels without being invited first",
        methods=("chat.postMessage",),
        required=True,
    ),
    Scope(
        name="commands",
        why="takes /tocsin and the shortcut to declare an incident",
        methods=(),
        required=True,
    ),
    Scope(
        name="im:write",
        why="finds the direct conversation in which to look for a page that Slack took without an answer",
        methods=("conversations.open",),
    ),
    Scope(
        name="im:history",
        why="reads there the metadata of its own messages, so that a page that arrived is not repeated",
        methods=("conversations.history",),
    ),
    Scope(
        name="channels:read",
        why="finds a team channel by its name, for the same with cards, and checks it",
        methods=("conversations.list", "conversations.info"),
    ),
    Scope(
        name="channels:manage",
        why="makes an incident's war room, invites people into it, archives it afterwards",
        methods=(*("conversations.create", "conversations.setTopic", "conversations.invite", "conversations.archive"),),
    ),
    Scope(
        name="groups:write",
        why="makes a sealed incident's private war room, invites people into it, archives it afterwards",
        methods=(*("conversations.create", "conversations.setTopic", "conversations.invite", "conversations.archive"),),
    ),
    Scope(
        name="groups:read",
        why="finds a private war room again, and knows it when somebody marks a message there",
        methods=("conversations.list", "conversations.info"),
    ),
    Scope(
        name="groups:history",
        why="reads what somebody has marked in a private war room",
        methods=("conversations.history", "conversations.replies"),
    ),
    Scope(
        name="files:write",
        why="posts the report when the review begins; without it only its summary",
        methods=("files.getUploadURLExternal", "files.completeUploadExternal"),
    ),
    Scope(name="bookmarks:write", why="keeps the alert's links at the top of a war room", methods=("bookmarks.add",)),
    Scope(name="pins:write", why="pins the card in a war room", methods=("pins.add",)),
    Scope(name="reactions:read", why="notices the :pushpin: that puts a message onto the timeline", methods=()),
    Scope(
        name="users:read",
        why="checks each contact's member ID",
        methods=("users.info",),
    ),
    Scope(
        name="users:read.email",
        why="finds the member ID of a contact who has none yet, by mail address",
        methods=("users.lookupByEmail",),
    ),
    Scope(
        name="channels:history",
        why="reads there the metadata of its own messages, and in a war room what somebody has marked",
        methods=("conversations.history", "conversations.replies"),
    ),
)


EVENTS_HEARD = ("app_home_opened", "reaction_added", "message.channels", "message.groups")
"""The last two: a message that was put onto the timeline is edited or deleted afterwards."""

BY_THE_APP_TOKEN = frozenset({"apps.connections.open"})
"""Methods that no scope of the bot's is for: the app-level token has its own, connections:write."""


def manifest(base_url: str, *, socket_mode: bool = False) -> Mapping[str, Any]:
    """In Socket Mode no address is needed. Else raises SettingsError where Slack could not reach it: it wants https."""
    if not socket_mode and urlsplit(base_url).scheme != "https":
        raise SettingsError(
            f"Slack sends clicks to https addresses only, and TOCSIN_BASE_URL is {base_url}; "
            "set it to the address at which Tocsin can be reached from outside, as https://tocsin.example.com, "
            "or use Socket Mode, which needs no address: --socket-mode"
        )
    address = "" if socket_mode else base_url.rstrip("/") + EVENTS
    requests = {"request_url": address} if address else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {"name": NAME, "description": DESCRIPTION},
        "features": _features(address),
        "oauth_config": {"scopes": {"bot": [scope.name for scope in SCOPES]}},
        "settings": {
            "event_subscriptions": {**requests, "bot_events": list(EVENTS_HEARD)},
            "interactivity": {"is_enabled": True, **requests},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }


def _features(address: str) -> dict[str, Any]:
    """`address`: where Slack sends commands; empty in Socket Mode."""
    declare = {
        "name": "Declare an incident",
        "type": "global",
        "callback_id": Modal.DECLARE.value,
        "description": "Page whoever is on call",
    }
    mark = {
        "name": "Onto the timeline",
        "type": "message",
        "callback_id": SHORTCUT,
        "description": "Note this message on the incident",
    }
    command = {
        "command": "/tocsin",
        "description": "Declare, acknowledge, escalate, resolve",
        "usage_hint": "help",
        "should_escape": True,
    }
    return {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": True},
        "bot_user": {"display_name": NAME, "always_online": True},
        "shortcuts": [declare, mark],
        "slash_commands": [{**command, "url": address} if address else command],
    }


def explained(app: Mapping[str, Any]) -> str:
    """As YAML, with a word to each scope. JSON is YAML, so each value is written as that."""
    return "\n".join(_lines(app, 0)) + "\n"


def _lines(part: Mapping[str, Any], depth: int) -> list[str]:
    indent, found = "  " * depth, []
    for name, value in part.items():
        if isinstance(value, Mapping):
            found += [f"{indent}{name}:", *_lines(value, depth + 1)]
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            found += [f"{indent}{name}:", *(f"{indent}  - {json.dumps(one)}" for one in value)]
        elif isinstance(value, list):
            found += [f"{indent}{name}:", *(f"{indent}  - {one}{_comment(one)}" for one in value)]
        else:
            found.append(f"{indent}{name}: {json.dumps(value)}")
    return found


def _comment(name: str) -> str:
    """Of a scope; events have none."""
    scope = next((scope for scope in SCOPES if scope.name == name), None)
    return f"  # {'needed' if scope.required else 'optional'}: {scope.why}" if scope else ""
