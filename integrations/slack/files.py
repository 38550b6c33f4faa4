"""A file for a message: docs.slack.dev/messaging/working-with-files#uploading_files.

It is uploaded to nobody, and shared by its link in a message of ours, which can be looked up and marked as any other.
"""

from __future__ import annotations

import structlog
from slack_sdk.errors import SlackApiError

from engine.ports import Attachment, Envelope
from integrations.channels.wording import REPEATED
from integrations.slack.errors import read_refusal
from integrations.slack.text import link, plain
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)

SUMMARY = 2_500
WITHOUT = frozenset({"missing_scope", "not_allowed_token_type", "file_uploads_disabled"})
"""The app may not upload: then what the file says in a few sentences is posted alone."""


async def report_text(web: SlackWeb, envelope: Envelope, attachment: Attachment) -> str:
    """What is posted. Raises SlackApiError, aiohttp.ClientError."""
    said = f"*{envelope.incident.ref}: the review begins.* {plain(attachment.summary, SUMMARY)}"
    shared = await _uploaded(web, attachment)
    marks = [link(attachment.name, shared)] if shared else []
    return " ".join([said, *marks, *([REPEATED] if envelope.repeated else [])])


async def _uploaded(web: SlackWeb, attachment: Attachment) -> str:
    """Its permalink; empty where the app may not upload."""
    client = web.client()
    try:
        place = await client.files_getUploadURLExternal(filename=attachment.name, length=len(attachment.content))
        async with web.session().post(place["upload_url"], data=attachment.content) as answer:
            answer.raise_for_status()
        files: list[dict[str, str | None]] = [{"id": place["file_id"], "title": attachment.name}]
        done = await client.files_completeUploadExternal(files=files)
    except SlackApiError as error:
        if read_refusal(error).code not in WITHOUT:
            raise
        log.warning("slack.file_refused", error=read_refusal(error).code)
        return ""
    found = done.get("files") or [{}]
    return str(found[0].get("permalink") or "")
