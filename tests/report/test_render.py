"""All four forms, and what holds for each of them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import report as package
from engine.core.errors import ReportError
from engine.core.model import RecordedEvent
from engine.core.timeline import verify
from engine.report.build import build
from engine.report.model import Report, json_schema
from engine.report.render import Format, file_name, read_format, render
from tests.report.example import FACTS
from tests.report.hostile import EVIL, hostile
from tests.report.test_html import read

SCHEMA = Path(str(package.__file__)).parent / "report.schema.json"
STARTS = {Format.MARKDOWN: b"# INC-42", Format.HTML: b"<!doctype html>", Format.PDF: b"%PDF-", Format.JSON: b"{"}


def test_the_published_schema_is_current() -> None:
    """After a change that is meant: python -m tests.report.renew."""
    assert SCHEMA.read_text(encoding="utf-8") == json_schema()


@pytest.mark.parametrize("wanted", Format)
def test_each_form_starts_as_its_kind_does_and_is_the_same_every_time(wanted: Format) -> None:
    report = build(FACTS)
    assert render(report, wanted).startswith(STARTS[wanted])
    assert render(report, wanted) == render(report, wanted)
    assert file_name(report, wanted) == f"INC-42.{wanted.value}"


@pytest.mark.parametrize("wanted", Format)
def test_each_form_has_a_media_type_and_a_name(wanted: Format) -> None:
    assert "/" in wanted.media_type
    assert read_format(wanted.value.upper()) is wanted


def test_an_unknown_form_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ReportError, match="'docx' is not a report format; there are md, html, pdf and json"):
        read_format("docx")


def test_a_report_is_the_same_after_being_kept_as_json() -> None:
    report = build(FACTS)
    assert Report.model_validate_json(render(report, Format.JSON)) == report
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_json_times_are_rfc_3339_in_utc() -> None:
    header = json.loads(render(build(FACTS), Format.JSON))["header"]
    assert (header["opened_at"], header["acknowledged_at"]) == ("2026-11-20T02:40:05Z", "2026-11-20T03:11:20Z")


def test_the_timeline_can_be_verified_from_the_json_alone() -> None:
    found = json.loads(render(build(FACTS), Format.JSON))
    lines = [
        RecordedEvent(
            incident=42,
            seq=line["seq"],
            at=datetime.fromisoformat(line["at"]),
            kind=line["kind"],
            actor=line["actor"],
            reason=line["reason"],
            data=line["data"],
            prev_hash=line["prev_hash"],
            hash=line["hash"],
        )
        for line in found["timeline"]
    ]
    assert verify(lines, seq=found["integrity"]["lines"], head=found["integrity"]["head"]) is None


def test_json_holds_nothing_that_would_drive_a_terminal() -> None:
    text = render(build(hostile()), Format.JSON).decode()
    assert not any(ord(sign) < 32 and sign != "\n" for sign in text)
    assert not any(sign in text for sign in "\x7f\x9b\u202e\u2066\ufeff")


@pytest.mark.parametrize("wanted", [Format.MARKDOWN, Format.HTML])
def test_no_control_character_and_no_direction_override_reaches_a_reader(wanted: Format) -> None:
    text = render(build(hostile()), wanted).decode()
    assert not any(sign in text for sign in "\x00\x07\x1b\x7f\x9b\u202e\u2066\ufeff\U000e0041")


# Everything that Python can hold in a string, lone surrogates among it, weighted to what has a meaning somewhere.
ANY_TEXT = st.text(
    st.one_of(st.characters(), st.sampled_from("<>&\"'`*_[](){}|#\\\n\r\t\0~$@-=+!.:/\u200b\u202e\ud800")), max_size=80
)


@given(ANY_TEXT)
@settings(max_examples=60)
def test_no_text_breaks_markdown_html_or_json(text: str) -> None:
    report = build(hostile(text))
    render(report, Format.MARKDOWN)
    read(render(report, Format.HTML))
    assert Report.model_validate_json(render(report, Format.JSON)) == report


@given(ANY_TEXT)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_breaks_the_pdf(text: str) -> None:
    assert render(build(hostile(text)), Format.PDF).startswith(b"%PDF-")


def test_evil_is_the_worst_case_of_this_suite() -> None:
    for wanted in Format:
        assert render(build(hostile(EVIL)), wanted)
