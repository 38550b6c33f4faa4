"""A file under a card: docs.slack.dev/messaging/working-with-files#uploading_files.

Where the app may not upload, what the file says in a few sentences is posted alone.
"""

from __future__ import annotations

import structlog
from slack_sdk.errors import SlackApiError

from engine.ports import Attachment, Envelope, Receipt
from integrations.slack.errors import read_refusal
from integrations.slack.text import plain
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)

SUMMARY = 2_900


async def post_file(web: SlackWeb, envelope: Envelope, attachment: Attachment) -> Receipt:
    """Raises SlackApiError, aiohttp.ClientError."""
    client = web.client()
    channel = envelope.under.data["channel"] if envelope.under else envelope.message.address
    thread = envelope.under.data["ts"] if envelope.under else None
    said = f"*{envelope.incident.ref}: the review begins.* {plain(attachment.summary, SUMMARY)}"
    try:
        place = await client.files_getUploadURLExternal(filename=attachment.name, length=len(attachment.content))
        async with web.session().post(place["upload_url"], data=attachment.content) as answer:
            answer.raise_for_status()
        await client.files_completeUploadExternal(
            files=[{"id": place["file_id"], "title": attachment.name}],
            channel_id=channel,
            thread_ts=thread,
            initial_comment=said,
        )
    except SlackApiError as error:
        if read_refusal(error).code not in WITHOUT:
            raise
        log.warning("slack.file_refused", error=read_refusal(error).code)
        posted = await client.chat_postMessage(channel=channel, thread_ts=thread, text=said, parse="none")
        return Receipt(reference=f"{posted['channel']}/{posted['ts']}")
    return Receipt(reference=f"file {place['file_id']}")


WITHOUT = frozenset({"missing_scope", "not_allowed_token_type", "file_uploads_disabled", "channel_not_found"})
"""The app may not upload; an upload also wants a channel's id, where a message takes its name."""
