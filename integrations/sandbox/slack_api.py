"""The Web API methods that the product uses: arguments in, the answer that Slack documents out.

Shapes and error codes: docs.slack.dev/reference/methods.
"""

import re
from collections.abc import Callable, Mapping

from integrations.sandbox.slack_answers import (
    APP_ID,
    BOT_ID,
    BOT_NAME,
    BOT_USER,
    TEAM,
    answered,
    refused,
    show_channel,
    show_message,
    show_user,
)
from integrations.sandbox.slack_arguments import Arguments
from integrations.sandbox.slack_limits import Refusal, refusal, view_refusal
from integrations.sandbox.slack_state import Workspace
from integrations.sandbox.slack_values import Channel, Content, Json, Message

HISTORY_PAGE = 100
TOPIC = 250
NAMES = re.compile(r"[a-z0-9_-]{1,80}")


def auth_test(workspace: Workspace, arguments: Arguments) -> Json:
    del workspace, arguments
    url = f"https://{TEAM['domain']}.slack.com/"
    return answered(
        url=url,
        team=TEAM["domain"],
        user=BOT_NAME,
        team_id=TEAM["id"],
        user_id=BOT_USER,
        bot_id=BOT_ID,
        app_id=APP_ID,
        is_enterprise_install=False,
    )


def api_test(workspace: Workspace, arguments: Arguments) -> Json:
    del workspace
    if arguments.has("error"):
        return refused(arguments.text("error"))
    return answered(args=dict(arguments.values))


def post_message(workspace: Workspace, arguments: Arguments) -> Json:
    target = _writable(workspace, arguments)
    if isinstance(target, Refusal):
        return target.answer()
    channel, content = target
    posted = workspace.post(channel, content, thread_ts=arguments.text("thread_ts") or None)
    return answered(channel=channel.id, ts=posted.ts, message=show_message(posted, with_metadata=True))


def post_ephemeral(workspace: Workspace, arguments: Arguments) -> Json:
    target = _writable(workspace, arguments)
    if isinstance(target, Refusal):
        return target.answer()
    if arguments.text("user") not in workspace.users:
        return refused("user_not_in_channel")
    channel, content = target
    return answered(message_ts=workspace.whisper(channel.id, arguments.text("user"), content).ts)


def update(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments)
    if isinstance(message, Refusal):
        return message.answer()
    if workspace.channels[message.channel].archived:
        return refused("is_inactive")
    content = read_content(arguments, before=message.content)
    if isinstance(content, Refusal):
        return content.answer()
    edited = workspace.update(message, content)
    return answered(channel=edited.channel, ts=edited.ts, text=edited.text, message=show_message(edited))


def delete(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments)
    if isinstance(message, Refusal):
        return message.answer()
    workspace.delete(message)
    return answered(channel=message.channel, ts=message.ts)


def open_conversation(workspace: Workspace, arguments: Arguments) -> Json:
    """Direct conversations with one person only."""
    asked = arguments.text("users")
    if not asked:
        return refused("users_list_not_supplied")
    if "," in asked:
        return refused("too_many_users")
    if asked not in workspace.users:
        return refused("user_not_found")
    was_open = workspace.conversation_id(asked) in workspace.channels
    channel = workspace.open_direct(workspace.users[asked])
    shown = show_channel(channel) if arguments.flag("return_im") else {"id": channel.id}
    return answered(**({"no_op": True, "already_open": True} if was_open else {}), channel=shown)


def history(workspace: Workspace, arguments: Arguments) -> Json:
    """Newest first, without the replies in threads."""
    channel = workspace.channels.get(arguments.text("channel"))
    if channel is None:
        return refused("channel_not_found")
    if not channel.member:
        return refused("not_in_channel")
    tops = [one for one in workspace.messages(channel=channel.id) if one.thread_ts in (None, one.ts)]
    return _page(list(reversed(tops)), arguments)


def replies(workspace: Workspace, arguments: Arguments) -> Json:
    """A thread, its first message included, oldest first."""
    parent = _own_message(workspace, arguments)
    if isinstance(parent, Refusal):
        return refused("thread_not_found" if parent.error == "message_not_found" else parent.error)
    told = workspace.messages(channel=parent.channel)
    return _page([one for one in told if parent.ts in (one.ts, one.thread_ts)], arguments)


def list_conversations(workspace: Workspace, arguments: Arguments) -> Json:
    hidden, kinds = arguments.flag("exclude_archived"), arguments.text("types") or "public_channel"
    rooms = [
        one
        for one in workspace.channels.values()
        if one.user is None
        and not (hidden and one.archived)
        and ("private_channel" if one.private else "public_channel") in kinds.split(",")
    ]
    return answered(channels=[show_channel(one) for one in rooms], response_metadata={"next_cursor": ""})


def conversation_info(workspace: Workspace, arguments: Arguments) -> Json:
    channel = workspace.channels.get(arguments.text("channel"))
    return refused("channel_not_found") if channel is None else answered(channel=show_channel(channel))


def user_info(workspace: Workspace, arguments: Arguments) -> Json:
    user = workspace.users.get(arguments.text("user"))
    return refused("user_not_found") if user is None else answered(user=show_user(user))


def lookup_by_email(workspace: Workspace, arguments: Arguments) -> Json:
    email = arguments.text("email").casefold()
    found = next((user for user in workspace.users.values() if user.email.casefold() == email), None)
    return refused("users_not_found") if found is None else answered(user=show_user(found))


def add_reaction(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments, ts="timestamp")
    if isinstance(message, Refusal):
        return message.answer()
    if arguments.text("name") in message.reactions:
        return refused("already_reacted")
    workspace.react(message, arguments.text("name"))
    return answered()


def open_view(workspace: Workspace, arguments: Arguments) -> Json:
    view = arguments.object("view")
    if view is None:
        return refused("invalid_arguments", "missing required field: view")
    if wrong := view_refusal(view):
        return wrong.answer()
    click = workspace.grants.exchange(arguments.text("trigger_id"))
    if isinstance(click, Refusal):
        return click.answer()
    return answered(view=workspace.open_view(click.user, view).view)


def publish_view(workspace: Workspace, arguments: Arguments) -> Json:
    view, user = arguments.object("view"), arguments.text("user_id")
    if view is None or view.get("type") != "home":
        return refused("invalid_arguments", "missing required field: view")
    if user not in workspace.users:
        return refused("user_not_found")
    if wrong := view_refusal(view):
        return wrong.answer()
    return answered(view=workspace.publish_home(user, view))


def read_content(arguments: Arguments, *, before: Content | None = None) -> Content | Refusal:
    """What the message is to say. Slack keeps what an update of the message `before` leaves out."""
    if arguments.has("blocks") and arguments.objects("blocks") is None:
        return Refusal(error="invalid_blocks_format")
    metadata = arguments.object("metadata")
    if arguments.has("metadata") and (metadata is None or (metadata and not _is_metadata(metadata))):
        return Refusal(error="invalid_metadata_format")
    kept = before or Content(text="")
    blocks, attachments = arguments.objects("blocks"), arguments.objects("attachments")
    content = Content(
        text=arguments.text("text") if arguments.has("text") else kept.text,
        blocks=kept.blocks if blocks is None else blocks,
        attachments=kept.attachments if attachments is None else attachments,
        metadata=kept.metadata if metadata is None else metadata or None,
    )
    return refusal(content) or content


def _writable(workspace: Workspace, arguments: Arguments) -> tuple[Channel, Content] | Refusal:
    channel = workspace.conversation(arguments.text("channel"))
    if channel is None:
        return Refusal(error="channel_not_found")
    if channel.archived:
        return Refusal(error="is_archived")
    if not channel.member:
        return Refusal(error="not_in_channel")
    content = read_content(arguments)
    return content if isinstance(content, Refusal) else (channel, content)


def _own_message(workspace: Workspace, arguments: Arguments, *, ts: str = "ts") -> Message | Refusal:
    """The message that the call names. Unlike a post, an edit takes the id of a conversation only, never a person's."""
    if arguments.text("channel") not in workspace.channels:
        return Refusal(error="channel_not_found")
    return workspace.message(arguments.text("channel"), arguments.text(ts)) or Refusal(error="message_not_found")


def _is_metadata(value: Json) -> bool:
    return isinstance(value.get("event_type"), str) and isinstance(value.get("event_payload"), dict)


def _page(messages: list[Message], arguments: Arguments) -> Json:
    """One page of the messages between `oldest` and `latest`; the cursor is the place in that list."""
    oldest, latest = float(arguments.text("oldest") or 0), float(arguments.text("latest") or "inf")
    edges = (oldest, latest) if arguments.flag("inclusive") else ()
    found = [one for one in messages if not one.deleted and _between(float(one.ts), oldest, latest, edges)]
    start = arguments.number("cursor", 0)
    end = start + arguments.number("limit", HISTORY_PAGE)
    more = end < len(found)
    metadata = arguments.flag("include_all_metadata")
    return answered(
        messages=[show_message(one, with_metadata=metadata) for one in found[start:end]],
        has_more=more,
        response_metadata={"next_cursor": str(end) if more else ""},
    )


def _between(ts: float, oldest: float, latest: float, edges: tuple[float, ...]) -> bool:
    return oldest < ts < latest or ts in edges


def create_conversation(workspace: Workspace, arguments: Arguments) -> Json:
    name = arguments.text("name")
    if not NAMES.fullmatch(name):
        return refused("invalid_name_specials" if name else "invalid_name_required")
    if any(one.name == name and one.user is None for one in workspace.channels.values()):
        return refused("name_taken")
    return answered(channel=show_channel(workspace.make_channel(name, private=arguments.flag("is_private"))))


def _room(workspace: Workspace, arguments: Arguments) -> Channel | Refusal:
    channel = workspace.channels.get(arguments.text("channel"))
    if channel is None:
        return Refusal(error="channel_not_found")
    return Refusal(error="is_archived") if channel.archived else channel


def set_topic(workspace: Workspace, arguments: Arguments) -> Json:
    room, topic = _room(workspace, arguments), arguments.text("topic")
    if isinstance(room, Refusal):
        return room.answer()
    if len(topic) > TOPIC:
        return refused("too_long")
    return answered(channel=show_channel(workspace.change_channel(room, topic=topic)))


def invite(workspace: Workspace, arguments: Arguments) -> Json:
    room, people = _room(workspace, arguments), frozenset(arguments.text("users").split(","))
    if isinstance(room, Refusal):
        return room.answer()
    forced = arguments.flag("force")
    if not people <= workspace.users.keys() and not forced:
        return refused("user_not_found")
    if people & room.people and not (forced and people - room.people):
        return refused("already_in_channel")
    people &= workspace.users.keys()
    return answered(channel=show_channel(workspace.change_channel(room, people=room.people | people)))


def archive(workspace: Workspace, arguments: Arguments) -> Json:
    room = _room(workspace, arguments)
    if isinstance(room, Refusal):
        return refused("already_archived") if room.error == "is_archived" else room.answer()
    workspace.change_channel(room, archived=True)
    return answered()


def pin(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments, ts="timestamp")
    if isinstance(message, Refusal):
        return message.answer()
    channel = workspace.channels[message.channel]
    workspace.change_channel(channel, pinned=(*channel.pinned, message.ts))
    return answered()


def bookmark(workspace: Workspace, arguments: Arguments) -> Json:
    channel = workspace.channels.get(arguments.text("channel_id"))
    if channel is None:
        return refused("channel_not_found")
    if not arguments.text("link").startswith(("http://", "https://")):
        return refused("invalid_link")
    workspace.change_channel(channel, bookmarks=(*channel.bookmarks, arguments.text("link")))
    return answered(bookmark={"channel_id": channel.id, "title": arguments.text("title")})


def complete_upload(workspace: Workspace, arguments: Arguments) -> Json:
    """To nobody: a file is shared by its permalink in a message."""
    files = arguments.objects("files")
    if not files or any(not workspace.files.get(one.get("id", "")) for one in files):
        return refused("file_not_found")
    return answered(files=[{**one, "permalink": f"{workspace.address}/files/{one['id']}"} for one in files])


def permalink(workspace: Workspace, arguments: Arguments) -> Json:
    message = _own_message(workspace, arguments, ts="message_ts")
    if isinstance(message, Refusal):
        return message.answer()
    place = f"https://{TEAM['domain']}.slack.com/archives/{message.channel}"
    return answered(channel=message.channel, permalink=f"{place}/p{message.ts.replace('.', '')}")


METHODS: Mapping[str, Callable[[Workspace, Arguments], Json]] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "bookmarks.add": bookmark,
    "chat.delete": delete,
    "chat.getPermalink": permalink,
    "chat.postEphemeral": post_ephemeral,
    "chat.postMessage": post_message,
    "chat.update": update,
    "conversations.archive": archive,
    "conversations.create": create_conversation,
    "conversations.history": history,
    "conversations.info": conversation_info,
    "conversations.invite": invite,
    "conversations.list": list_conversations,
    "conversations.open": open_conversation,
    "conversations.replies": replies,
    "conversations.setTopic": set_topic,
    "files.completeUploadExternal": complete_upload,
    "pins.add": pin,
    "reactions.add": add_reaction,
    "users.info": user_info,
    "users.lookupByEmail": lookup_by_email,
    "views.open": open_view,
    "views.publish": publish_view,
}
