"""What the app says through a click's response URL."""

from integrations.sandbox.slack_api import read_content
from integrations.sandbox.slack_arguments import Arguments
from integrations.sandbox.slack_grants import Click
from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_state import Workspace
from integrations.sandbox.slack_values import Message


def respond(workspace: Workspace, click: Click, arguments: Arguments) -> Refusal | None:
    """Carry out one answer: delete or replace the clicked message, say it to everyone, or, unless told otherwise, to
    the person who clicked only."""
    source = workspace.message(click.message.channel, click.message.ts) if click.message else None
    channel = click.message.channel if click.message else click.channel
    if arguments.flag("delete_original"):
        return _delete(workspace, source)
    content = read_content(arguments)
    if isinstance(content, Refusal):
        return content
    if arguments.flag("replace_original"):
        if source is None:
            return Refusal(error="message_not_found")
        workspace.update(source, content)
    elif arguments.text("response_type") == "in_channel":
        workspace.post(workspace.channels[channel], content)
    else:
        workspace.whisper(channel, click.user, content, answers=click.message.ts if click.message else None)
    return None


def _delete(workspace: Workspace, source: Message | None) -> Refusal | None:
    if source is None:
        return Refusal(error="message_not_found")
    workspace.delete(source)
    return None
