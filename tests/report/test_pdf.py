"""The PDF form: opens anywhere, has the figures, and takes any text as text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pypdf import PdfReader

from engine.core.errors import ReportError
from engine.core.timeline import Kind
from engine.report import pdf
from engine.report.build import build
from engine.report.pdf import to_pdf
from tests.report.example import ERIN, FACTS, RESOLVED, event, recorded
from tests.report.hostile import ATTACKS, hostile


def opened(document: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(document), strict=True)


def text(document: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in opened(document).pages).split())


def test_page_one_has_what_an_executive_reads() -> None:
    page = " ".join(opened(to_pdf(build(FACTS))).pages[0].extract_text().split())
    for shown in (
        "Checkout is down in all regions",
        "P0 critical",
        "Closed",
        "2 min 30 s",
        "31 min 15 s",
        "56 min 30 s",
        "missed",
        "It lasted 59 min",
        "No customer could pay",
    ):
        assert shown in page


def test_every_further_page_says_which_incident_it_belongs_to_and_which_page_it_is() -> None:
    pages = opened(to_pdf(build(FACTS))).pages
    for number, page in enumerate(pages[1:], start=2):
        shown = " ".join(page.extract_text().split())
        assert shown.startswith("INC-42 Checkout is down")
        assert f"Page {number} of {len(pages)}" in shown


def test_a_table_repeats_its_head_on_the_next_page() -> None:
    pages = [page.extract_text() for page in opened(to_pdf(build(FACTS))).pages]
    assert sum("Hash" in page and "Reason" in page for page in pages) >= 2


def test_a_hash_can_be_copied() -> None:
    assert FACTS.events[-1].hash in text(to_pdf(build(FACTS)))


def test_it_has_a_title_and_the_time_of_the_report_not_of_the_rendering() -> None:
    found = opened(to_pdf(build(FACTS))).metadata
    assert found is not None
    assert (found.title, found.creation_date) == ("INC-42 Checkout is down in all regions", FACTS.generated_at)


def test_the_same_report_makes_the_same_bytes() -> None:
    report = build(FACTS)
    assert to_pdf(report) == to_pdf(report)


@pytest.mark.parametrize("attack", [ATTACKS[0], ATTACKS[1], ATTACKS[12]])
def test_hostile_text_is_set_as_text(attack: str) -> None:
    shown = text(to_pdf(build(hostile(attack))))
    assert "".join(attack.split())[:40] in "".join(shown.split())


def test_only_addresses_of_the_web_can_be_followed() -> None:
    annotations = [
        note.get_object() for page in opened(to_pdf(build(hostile()))).pages for note in page.get("/Annots", ())
    ]
    followed = {note["/A"]["/URI"] for note in annotations if "/URI" in note.get("/A", {})}
    assert followed == {"https://ok.example/path?a=1&b=%3Cscript%3E'%22"}


def test_a_timeline_of_2000_lines_is_set_whole() -> None:
    lines = (event(Kind.NOTE, ERIN, f"reason number {number}, of some length", text="words") for number in range(2000))
    events = recorded(*((number / 30, line) for number, line in enumerate(lines)))
    long = replace(RESOLVED, timeline_seq=2000, timeline_hash=events[-1].hash)
    pdf = opened(to_pdf(build(replace(FACTS, incident=long, events=events))))
    assert "reason number 1999" in pdf.pages[-1].extract_text() + pdf.pages[-2].extract_text()


def test_a_document_that_typst_refuses_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("templates") / "report.typ"
    broken.write_text("#panic()", encoding="utf-8")
    monkeypatch.setattr(pdf, "TEMPLATE", broken)
    with pytest.raises(ReportError, match="the PDF can't be set"):
        to_pdf(build(FACTS))
