"""The Markdown form, read back by a Markdown parser with everything switched on that could do harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from engine.report.build import build
from engine.report.markdown import escape, escape_line, to_markdown
from tests.report.example import FACTS
from tests.report.hostile import ATTACKS, hostile
from tests.report.test_html import Reader

GOLDEN = Path(__file__).parent / "INC-42.md"
OURS = {"h1", "h2", "p", "strong", "em", "br", "hr", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "a"}

parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered_tags(markdown: str) -> set[str]:
    return set(re.findall(r"<([a-z0-9!]+)", parser.render(markdown)))


def test_the_example_reads_as_agreed() -> None:
    """After a change that is meant: python -m tests.report.renew."""
    assert to_markdown(build(FACTS)).decode() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_becomes_no_markup(attack: str) -> None:
    assert rendered_tags(to_markdown(build(hostile(attack))).decode()) <= OURS


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_makes_no_link_but_the_alert_s_own(attack: str) -> None:
    rendered = parser.render(to_markdown(build(hostile(attack))).decode())
    assert set(re.findall(r'href="(https?://[^/"]*)', rendered)) <= {"https://ok.example", "http://evil.example"}
    assert "javascript:" not in re.sub(r">[^<]*<", "><", rendered)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_adds_no_heading_and_no_column(attack: str) -> None:
    tame = parser.parse(to_markdown(build(hostile("tame"))).decode())
    wild = parser.parse(to_markdown(build(hostile(attack))).decode())
    for kind in ("heading_open", "table_open", "tr_open", "th_open", "td_open"):
        assert sum(token.type == kind for token in wild) == sum(token.type == kind for token in tame), kind


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain words, 5 % - and a price of 3.5!", "plain words, 5 % - and a price of 3.5!"),
        ("R&D", "R&D"),
        ("error_rate > 5*2", r"error\_rate &gt; 5\*2"),
        ("a | b", r"a \| b"),
        ("a\nb\t c", "a b c"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("http://x.example", r"http\://x.example"),
        ("www.x.example", r"www\.x.example"),
        ("{{ x }} $y$", r"\{\{ x \}\} \$y\$"),
        (r"C:\temp", r"C:\\temp"),
    ],
)
def test_signs_are_escaped_only_where_they_would_mean_something(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("line", "escaped"),
    [
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("=====", r"\====="),
        ("12. a", r"12\. a"),
        ("1) a", r"1\) a"),
        ("    code", "code"),
        ("-5 degrees", r"\-5 degrees"),
        ("3.5 GB", r"3\.5 GB"),
    ],
)
def test_a_line_never_starts_a_block(line: str, escaped: str) -> None:
    assert escape_line(line) == escaped


def test_escaped_text_is_rendered_as_it_was() -> None:
    text = "*a* _b_ `c` [d](e) <f> &amp; | g ~h~ {i} $j$ \\k # l"
    reader = Reader()
    reader.feed(parser.render(escape_line(text)))
    assert "".join(reader.text).strip() == text
