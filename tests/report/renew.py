"""Writes anew what the tests hold on to: the published schema and the example in Markdown. Look at the difference."""

from __future__ import annotations

from engine.report.build import build
from engine.report.markdown import to_markdown
from engine.report.model import json_schema
from tests.report.example import FACTS
from tests.report.test_markdown import GOLDEN
from tests.report.test_render import SCHEMA

if __name__ == "__main__":
    GOLDEN.write_bytes(to_markdown(build(FACTS)))
    SCHEMA.write_text(json_schema(), encoding="utf-8")
