"""How Slack shows its objects in an answer and in a payload."""

from typing import Any

from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_values import Channel, Json, Message, User

TEAM = {"id": "T0SANDBOX0", "domain": "sandbox"}
APP_ID = "A0TOCSIN00"
BOT_ID = "B0TOCSIN00"
BOT_USER = "U0TOCSIN00"
BOT_NAME = "tocsin"
VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 - Slack still sends it; nothing may rely on it


def answered(**fields: Any) -> Json:
    return {"ok": True, **fields}


def refused(error: str, *problems: str) -> Json:
    return Refusal(error=error, problems=problems).answer()


def show_message(message: Message, *, with_metadata: bool = False) -> Json:
    shown: Json = {
        "user": message.author or BOT_USER,
        "type": "message",
        "ts": message.ts,
        **({} if message.author else {"bot_id": BOT_ID, "app_id": APP_ID}),
        "text": message.text,
        "team": TEAM["id"],
        "blocks": list(message.blocks),
    }
    optional: Json = {
        "attachments": list(message.content.attachments),
        "thread_ts": message.thread_ts,
        "metadata": message.metadata if with_metadata else None,
        "edited": {"user": BOT_USER, "ts": f"{message.changed_at:.6f}"} if message.history else None,
        "reactions": [{"name": name, "users": [BOT_USER], "count": 1} for name in message.reactions],
    }
    return shown | {name: value for name, value in optional.items() if value}


def show_channel(channel: Channel) -> Json:
    if channel.user is not None:
        return {"id": channel.id, "is_im": True, "user": channel.user, "is_user_deleted": False}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_im": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": channel.member,
        "topic": {"value": channel.topic},
    }


def show_user(user: User) -> Json:
    profile = {"real_name": user.name, "display_name": user.name, "email": user.email}
    return {
        "id": user.id,
        "team_id": TEAM["id"],
        "name": user.name,
        "real_name": user.name,
        "profile": profile,
        "deleted": False,
        "is_bot": False,
        "tz": "Etc/UTC",
        "tz_offset": 0,
    }
