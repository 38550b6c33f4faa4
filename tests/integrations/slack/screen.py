"""What a message looks like, as lines of text, so that a test can be read like a screen."""

from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.models.blocks import Block


def screen(blocks: Sequence[Block]) -> str:
    return "\n".join(line for block in blocks for line in _lines(block.to_dict()))


def _lines(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield f"# {block['text']['text']}"
        case "section" if "fields" in block:
            yield from (field["text"].replace("\n", " ").replace("*", "") for field in block["fields"])
        case "section":
            yield block["text"]["text"]
        case "context":
            yield from (f"- {element['text']}" for element in block["elements"])
        case "actions":
            yield " ".join(_button(element) for element in block["elements"])
    yield ""


def _button(element: dict[str, Any]) -> str:
    style = f":{element['style']}" if "style" in element else ""
    return f"[{element['text']['text']}{style}]"
