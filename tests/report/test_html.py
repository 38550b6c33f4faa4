"""The HTML form: one file, nothing else needed, and no text in it is ever more than text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from engine.report.build import build
from engine.report.html import to_html
from tests.report.example import FACTS
from tests.report.hostile import ATTACKS, hostile

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "nav", "div"),
    *("h1", "h2", "h3", "p", "span", "strong", "small", "br", "ul", "li", "dl", "dt", "dd", "a"),
    *("table", "colgroup", "col", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "dir", "id", "href", "rel", "scope", "style"}
ATTRIBUTES |= {"aria-label"}
VOID = {"meta", "br", "col"}


class Reader(HTMLParser):
    """Collects what a browser would see; refuses what the template never writes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[dict[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        if tag == "a":
            self.links.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_stays_text(attack: str) -> None:
    reader = read(to_html(build(hostile(attack))))
    outer = [link["href"] or "" for link in reader.links if not (link["href"] or "").startswith("#")]
    assert all(url.startswith(("https://ok.example/", "http://evil.example/")) for url in outer)


def test_a_script_is_shown_as_it_was_written() -> None:
    assert "<script>alert(1)</script>" in "".join(read(to_html(build(hostile(ATTACKS[0])))).text)


def test_outer_links_tell_the_other_side_nothing() -> None:
    outer = [link for link in read(to_html(build(FACTS))).links if not (link["href"] or "").startswith("#")]
    assert outer
    assert all(link["rel"] == "noopener noreferrer" for link in outer)


def test_links_within_the_report_lead_somewhere() -> None:
    page = to_html(build(FACTS)).decode()
    inner = [link["href"] or "" for link in read(page.encode()).links if (link["href"] or "").startswith("#")]
    assert len(inner) == 12
    assert all(f'<h2 id="{anchor[1:]}">' in page for anchor in inner)


def test_the_page_forbids_itself_every_request_and_asks_for_none() -> None:
    page = to_html(build(FACTS)).decode()
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert not any(word in page for word in ("url(", "@import", "src=", "<link", "<script"))


def test_the_first_screen_has_the_figures_the_summary_and_the_impact() -> None:
    text = " ".join("".join(read(to_html(build(FACTS))).text).split())
    for shown in (
        "P0 critical",
        "Closed",
        "2 min 30 s",
        "31 min 15 s",
        "56 min 30 s",
        "by 26 min 15 s, due within 5 min",
    ):
        assert shown in text
    assert text.index("Summary") < text.index("Impact") < text.index("Key facts") < text.index("Who was paged")
