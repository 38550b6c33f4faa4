"""What Slack refuses to show: the limits of its block reference, and the words in which it says so.

Lengths and counts: docs.slack.dev/reference/block-kit. The sentences and their JSON pointers are those of real
refusals, such as "must be less than 3001 characters [json-pointer:/blocks/0/text/text]".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.slack_values import Content, Json

BLOCKS = 50
TEXT = 40_000  # docs.slack.dev/changelog/2018-04-truncating-really-long-messages; today it is refused, not cut
ALL_BLOCKS_TEXT = 12_000  # unpublished, told by Slack's people in slackapi/bolt-js issue 2509
SECTION_TEXT = 3_000
FIELDS = 10
FIELD_TEXT = 2_000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
BUTTON_STYLES = ("primary", "danger")
IDENTIFIER = 255
VIEW_TITLE = 24
VIEW_BLOCKS = 100
VIEW_METADATA = 3_000
LABEL_TEXT = 2_000
PLACEHOLDER_TEXT = 150
OPTIONS = 100
OPTION_VALUE = 150
INPUTS = ("plain_text_input", "static_select")

Problems = Iterator[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An `ok: false` answer: Slack's error code, and where it explains itself, its sentences."""

    error: str
    problems: tuple[str, ...] = ()

    def answer(self) -> Json:
        if not self.problems:
            return {"ok": False, "error": self.error}
        said = [f"[ERROR] {problem}" for problem in self.problems]
        return {
            "ok": False,
            "error": self.error,
            "errors": list(self.problems),
            "response_metadata": {"messages": said},
        }


def refusal(content: Content) -> Refusal | None:
    """Why Slack would not take this message; None when it would."""
    if not (content.text or content.blocks or content.attachments):
        return Refusal(error="no_text")
    if len(content.text) > TEXT:
        return Refusal(error="msg_too_long")
    if problems := tuple(_blocks(content.blocks)):
        return Refusal(error="invalid_blocks", problems=problems)
    if sum(_text_lengths(content.blocks)) > ALL_BLOCKS_TEXT:
        return Refusal(error="msg_blocks_too_long")
    return None


def view_refusal(view: Json) -> Refusal | None:
    """Why Slack would not show this dialog or home tab: docs.slack.dev/reference/views"""
    problems = tuple(_view(view))
    return Refusal(error="invalid_arguments", problems=problems) if problems else None


def _view(view: Json) -> Problems:
    if view.get("type") not in ("modal", "home"):
        yield "must be one of: modal, home [json-pointer:/view/type]"
    for name in ("title", "submit", "close"):
        if name in view or (name == "title" and view.get("type") == "modal"):
            yield from _text(view.get(name), VIEW_TITLE, f"/view/{name}")
    yield from _length(view.get("private_metadata"), VIEW_METADATA, "/view/private_metadata")
    yield from _length(view.get("callback_id"), IDENTIFIER, "/view/callback_id")
    yield from _count(view.get("blocks", []), VIEW_BLOCKS, "/view/blocks")
    for index, block in enumerate(view.get("blocks", [])):
        yield from _block(block, f"/view/blocks/{index}", {**_CHECKS, "input": _input})


def _blocks(blocks: tuple[Json, ...]) -> Problems:
    yield from _count(blocks, BLOCKS, "/blocks")
    for index, block in enumerate(blocks):
        yield from _block(block, f"/blocks/{index}", _CHECKS)


def _block(block: Json, at: str, checks: Mapping[str, Callable[[Json, str], Problems]]) -> Problems:
    check = checks.get(block.get("type", ""))
    if check is None:
        yield f"unsupported type: {block.get('type')} [json-pointer:{at}/type]"
    else:
        yield from _length(block.get("block_id"), IDENTIFIER, f"{at}/block_id")
        yield from check(block, at)


def _input(block: Json, at: str) -> Problems:
    yield from _text(block.get("label"), LABEL_TEXT, f"{at}/label")
    element = block.get("element") or {}
    where = f"{at}/element"
    if element.get("type") not in INPUTS:
        yield f"unsupported type: {element.get('type')} [json-pointer:{where}/type]"
    if "placeholder" in element:
        yield from _text(element["placeholder"], PLACEHOLDER_TEXT, f"{where}/placeholder")
    options = element.get("options", [])
    yield from _count(options, OPTIONS, f"{where}/options")
    for index, option in enumerate(options):
        yield from _text(option.get("text"), BUTTON_TEXT, f"{where}/options/{index}/text")
        yield from _length(option.get("value"), OPTION_VALUE, f"{where}/options/{index}/value")


def _section(block: Json, at: str) -> Problems:
    if "text" not in block and "fields" not in block:
        yield f"missing required field: text [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], SECTION_TEXT, f"{at}/text")
    fields = block.get("fields", [])
    yield from _count(fields, FIELDS, f"{at}/fields")
    for index, field in enumerate(fields):
        yield from _text(field, FIELD_TEXT, f"{at}/fields/{index}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Json, at: str) -> Problems:
    yield from _text(block.get("text"), HEADER_TEXT, f"{at}/text")


def _context(block: Json, at: str) -> Problems:
    elements = block.get("elements", [])
    yield from _count(elements, CONTEXT_ELEMENTS, f"{at}/elements", least=1)
    for index, element in enumerate(elements):
        if element.get("type") != "image":
            yield from _text(element, SECTION_TEXT, f"{at}/elements/{index}")


def _actions(block: Json, at: str) -> Problems:
    elements = block.get("elements", [])
    yield from _count(elements, ACTION_ELEMENTS, f"{at}/elements", least=1)
    used: set[str] = set()
    for index, element in enumerate(elements):
        where = f"{at}/elements/{index}"
        yield from _element(element, where)
        action_id = element.get("action_id")
        if action_id in used:
            yield f'`action_id` "{action_id}" already exists [json-pointer:{where}/action_id]'
        used |= {action_id} if action_id else set()


def _element(element: Json, at: str) -> Problems:
    if element.get("type") != "button":
        return
    yield from _text(element.get("text"), BUTTON_TEXT, f"{at}/text")
    yield from _length(element.get("value"), BUTTON_VALUE, f"{at}/value")
    yield from _length(element.get("action_id"), IDENTIFIER, f"{at}/action_id")
    if element.get("style", "primary") not in BUTTON_STYLES:
        yield f"must be one of: {', '.join(BUTTON_STYLES)} [json-pointer:{at}/style]"


def _unlimited(block: Json, at: str) -> Problems:
    del block, at
    yield from ()


def _text(value: Any, most: int, at: str) -> Problems:
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        yield f"missing required field: text [json-pointer:{at}]"
        return
    if not value["text"]:
        yield f"must be more than 0 characters [json-pointer:{at}/text]"
    yield from _length(value["text"], most, f"{at}/text")


def _length(value: str | None, most: int, at: str) -> Problems:
    if value is not None and len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"


def _count(items: Any, most: int, at: str, *, least: int = 0) -> Problems:
    if len(items) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    if len(items) < least:
        yield f"no fewer than {least} items allowed [json-pointer:{at}]"


def _text_lengths(value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from [len(inner)] if key == "text" and isinstance(inner, str) else _text_lengths(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _text_lengths(inner)


_CHECKS: dict[str, Callable[[Json, str], Problems]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    **dict.fromkeys(("divider", "image", "markdown", "rich_text", "table", "video", "file"), _unlimited),
}
