"""The report page: what is taken there, by whom it is said, who hears of it, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.api.reportform import LABELS
from engine.core.commands import Acknowledge
from engine.core.errors import Conflict, NotFound, Overloaded
from engine.core.model import Actor, ActorKind, Role
from engine.services import declaring, reading
from engine.services.access import Keys
from tests.api.reporting import KEY, REPORT, SECTIONS, Desk, database_away, open_desk, said

OPS_LEAD = Actor(kind=ActorKind.PERSON, id="ops-lead", name="Operations lead", role=Role.RESPONDER, via="api")
HOSTILE = "\"><script>alert(1)</script><b x='"


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database_url, tmp_path) as desk:
        yield desk


@pytest.fixture
async def light_desk(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(sqlite_url, tmp_path) as desk:
        yield desk


async def test_the_empty_form_needs_no_script_and_nothing_from_elsewhere(desk: Desk) -> None:
    answer = await desk.client.get(desk.path)
    assert answer.status_code == 200
    assert "If it burns, call +49 30 1234567." in said(answer)
    assert "<script" not in answer.text
    assert "//" not in re.sub(r"<style>.*</style>", "", answer.text, flags=re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors")
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert (await desk.client.head(desk.path)).status_code == 200


async def test_services_are_chosen_by_their_titles(light_desk: Desk) -> None:
    answer = await light_desk.client.get(light_desk.path)
    options = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', answer.text)
    assert options == [
        ("", "I don't know"),
        ("people", "Accounts of people"),
        ("checkout", "Checkout &amp; &lt;payments&gt;"),
        ("default", "Everything else"),
    ]


async def test_every_field_has_a_label(light_desk: Desk) -> None:
    text = (await light_desk.client.get(light_desk.path)).text
    for name in ("title", "summary", "service", "name"):
        assert f'<label for="{name}">' in text
        assert text.count(f'id="{name}"') == 1
    for told in re.findall(r'aria-describedby="([^"]+)"', text):
        assert all(f'id="{one}"' in text for one in told.split())


async def test_a_report_opens_an_incident_and_says_who_is_paged(desk: Desk) -> None:
    answer = await desk.send(summary="Payments fail since nine.", service="checkout", priority="P0")
    assert answer.status_code == 201
    assert "INC-1 is open." in said(answer)
    assert "Who is being paged Operations Operations lead (example)" in said(answer)
    view = await desk.view()
    incident = view.incident
    assert (incident.title, incident.summary, incident.service, incident.priority) == (
        "Checkout is down",
        "Payments fail since nine.",
        "checkout",
        "P0",
    )
    assert any(one.message.contact == "ops-lead" for one in view.deliveries)
    assert ("incident.opened", "person:report-page:Mia Berg via report-page", "Checkout is down") in await desk.lines()


async def test_without_a_priority_the_rules_decide_as_they_do_over_the_api(desk: Desk) -> None:
    await desk.send(title="The shop is down")
    assert (await desk.view()).incident.classification.rule != "label"
    await desk.send(title="The shop is down", priority="P0")
    assert (await desk.view()).incident.priority == "P0"


async def test_what_can_wait_pages_nobody_and_says_so(light_desk: Desk) -> None:
    answer = await light_desk.send(title="A typo in the manual", priority="P3")
    assert "INC-1 is open." in said(answer)
    assert "Nobody is paged for this at once" in said(answer)


async def test_a_second_reporters_words_go_on_the_timeline_of_the_open_incident(desk: Desk) -> None:
    await desk.send(service="checkout", summary="Payments fail.")
    answer = await desk.send(service="checkout", title="checkout  IS down", name="Ben Ode", summary="Cards only.")
    assert answer.status_code == 201
    assert "INC-1 was open already and has your report now." in said(answer)
    await desk.send(service="checkout", name="Cem Ak")
    assert await desk.notes() == [
        ("source:report-page:Ben Ode", "Ben Ode reports this too: Cards only."),
        ("source:report-page:Cem Ak", "Cem Ak reports this too."),
    ]


async def test_a_report_that_is_sent_twice_is_noted_once(desk: Desk) -> None:
    for _ in range(2):
        await desk.send(summary="Payments fail.")
        await desk.send(name="Ben Ode", summary="Cards only.")
    assert [reason for _, reason in await desk.notes()] == ["Ben Ode reports this too: Cards only."]
    await desk.send(summary="Now the app as well.")
    assert [reason for _, reason in await desk.notes()][1:] == ["Mia Berg reports this too: Now the app as well."]


async def test_of_many_who_report_at_once_none_is_lost_and_a_second_press_counts_once(desk: Desk) -> None:
    names = [f"Person {number}" for number in range(8)]
    answers = await asyncio.gather(*(desk.send(name=name, summary=f"{name} saw it") for name in names * 2))
    assert {answer.status_code for answer in answers} == {201}
    view = await desk.view()
    told = [reason for _, reason in await desk.notes()]
    assert len(told) == len(set(told)) == len(names) - 1
    assert all(f"{name} saw it" in (view.incident.summary, *(one.partition(": ")[2] for one in told)) for name in names)
    with pytest.raises(NotFound):
        await desk.view("INC-2")


async def test_a_bystander_does_not_renew_the_lease_of_the_one_who_has_it(desk: Desk) -> None:
    await desk.send(priority="P0")
    await desk.app.desk.run("INC-1", Acknowledge(), OPS_LEAD)
    until = (await desk.view()).incident.lease_until
    desk.clock.advance(timedelta(minutes=3))
    answer = await desk.send(name="Ben Ode", summary="Still broken.")
    assert "Operations lead (example) is working on it." in said(answer)
    assert "Who was paged" in said(answer)
    assert (await desk.view()).incident.lease_until == until
    assert len(await desk.notes()) == 1


async def test_whoever_types_the_name_of_a_contact_does_not_become_that_contact(desk: Desk) -> None:
    for name in ("ops-lead", "ops-lead via slack"):
        await desk.send(title=f"Seen by {name}", name=name)
    assert [(await desk.lines(ref))[0][1] for ref in ("INC-1", "INC-2")] == [
        "person:report-page:ops-lead via report-page",
        "person:report-page:ops-lead via slack via report-page",
    ]


async def test_of_a_sealed_incident_nothing_is_told_and_no_word_is_lost(desk: Desk) -> None:
    first = await desk.send(title="A data breach", summary="Mallory has the customers.", priority="P0")
    again = await desk.send(title="A data breach", name="Ben Ode", summary="I saw it too.")
    assert (await desk.view()).incident.sealed_at is not None
    for answer in (first, again):
        assert answer.status_code == 201
        assert "Your report was taken." in said(answer)
        assert not re.search(r"INC-|Operations|open|sealed|paged", said(answer))
    assert first.content == again.content
    assert await desk.notes() == [("source:report-page:Ben Ode", "Ben Ode reports this too: I saw it too.")]


async def test_faults_come_back_in_the_form_with_what_was_typed(desk: Desk) -> None:
    answer = await desk.send(title="  ", name="", summary="x" * 4001, priority="P0", service="people")
    assert answer.status_code == 422
    text = answer.text
    for name in ("title", "name", "summary"):
        assert f'id="{name}-error"' in text
        assert re.search(rf'id="{name}" [^>]*aria-describedby="{name}-error {name}-hint"[^>]*aria-invalid="true"', text)
        assert f'<li><a href="#{name}">{LABELS[name]}</a>' in text
    assert "That is 4,001 characters, and 4,000 fit in here" in said(answer)
    assert text.count("autofocus") == 1
    assert "x" * 4001 in text
    assert '<option value="people" selected>' in text
    assert '<input type="radio" name="priority" value="P0" checked>' in text
    assert "<title>Not sent yet: " in text
    with pytest.raises(NotFound):
        await desk.view()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("service", "warehouse", "There is no such service"),
        ("priority", "P9", "Choose one of these"),
        ("title", "x" * 301, "301 characters, and 300 fit"),
        ("name", "x" * 101, "101 characters, and 100 fit"),
    ],
)
async def test_each_fault_is_said_at_its_field(light_desk: Desk, field: str, value: str, sentence: str) -> None:
    answer = await light_desk.send(**{field: value})
    assert answer.status_code == 422
    [wrong] = re.findall(rf'<p class="error" id="{field}-error">([^<]*)</p>', answer.text)
    assert sentence in wrong
    assert answer.text.count('class="error"') == 1


async def test_what_is_typed_stays_text(light_desk: Desk) -> None:
    typed = dict.fromkeys(("title", "summary", "service", "priority", "name"), HOSTILE)
    for answer in (await light_desk.send(**typed), await light_desk.send(title=HOSTILE, name=HOSTILE)):
        assert "<script" not in answer.text
        assert "<b x" not in answer.text
    assert (await light_desk.view()).incident.title == HOSTILE


async def test_no_byte_that_a_program_can_send_breaks_it(light_desk: Desk) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    for body in (b"title=a&title=b&name=c", b"\xff\xfe", b"title=%ff%00%ed%a0%80&name=%00", b"", b"=&=&&;"):
        answer = await light_desk.client.post(light_desk.path, content=body, headers=headers)
        assert answer.status_code in (201, 422), body
    assert (await light_desk.view()).incident.title == "b"
    many = await light_desk.client.post(light_desk.path, content=b"a=1&" * 50, headers=headers)
    assert many.status_code == 415


async def test_another_key_finds_what_any_address_does_at_which_there_is_nothing(desk: Desk) -> None:
    nothing = await desk.client.get("/reports")
    for path in (f"/report/{KEY}x", "/report/x"):
        for answer in (await desk.client.get(path), await desk.client.post(path, data=REPORT)):
            assert (answer.status_code, answer.content) == (404, nothing.content)


async def test_a_page_that_is_off_is_not_there_for_its_key_either(database_url: str, tmp_path: Path) -> None:
    async with open_desk(database_url, tmp_path, report_page=None) as off:
        nothing = await off.client.get("/reports")
        for answer in (await off.client.get(off.path), await off.send()):
            assert (answer.status_code, answer.content) == (404, nothing.content)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 201),
        ("https://127.0.0.1", 201),
        ("http://127.0.0.1:1", 201),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
async def test_a_form_on_another_site_can_not_send_it(light_desk: Desk, origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = await light_desk.client.post(light_desk.path, data=REPORT, headers=headers)
    assert answer.status_code == status
    assert ("another site" in said(answer)) is (status == 403)


async def test_too_large_a_body_is_refused_in_words_announced_or_not(desk: Desk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"title=" + b"x" * 1000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    announced = await desk.client.post(desk.path, content=b"x" * 70_000, headers=headers)
    chunked = await desk.client.post(desk.path, content=endless(), headers=headers)
    for answer in (announced, chunked):
        assert answer.status_code == 413
        assert "too long" in said(answer)


async def test_the_longest_report_that_is_allowed_is_taken_in_any_script(light_desk: Desk) -> None:
    answer = await light_desk.send(title="🔥" * 300, summary="🔥" * 4000, name="🔥" * 100)
    assert answer.status_code == 201


async def test_what_no_form_sends_is_refused_in_words(light_desk: Desk) -> None:
    for answer in (
        await light_desk.client.post(light_desk.path, json=REPORT),
        await light_desk.client.post(light_desk.path, data=REPORT, headers={"Content-Encoding": "gzip"}),
    ):
        assert answer.status_code == 415
        assert "not what the form sends" in said(answer)


async def test_so_many_reports_are_taken_in_a_minute_and_the_next_is_kept_in_the_form(
    database_url: str, tmp_path: Path
) -> None:
    page = {**SECTIONS["report_page"], "per_minute": 2}
    async with open_desk(database_url, tmp_path, report_page=page) as desk:
        assert (await desk.send(title="")).status_code == 422
        for title in ("One", "Two"):
            assert (await desk.send(title=title)).status_code == 201
            desk.clock.advance(timedelta(seconds=10))
        answer = await desk.send(title="Three", summary="It burns.")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "40")
        assert "in 40 seconds" in said(answer)
        assert 'value="Three"' in answer.text
        assert "It burns." in said(answer)
        desk.clock.advance(timedelta(seconds=40))
        assert (await desk.send(title="Three")).status_code == 201


async def test_while_the_database_is_away_what_was_typed_stays_in_the_form(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.db.database.BUSY_SECONDS", 0)
    async with open_desk(database_url, tmp_path) as desk:
        report = {"summary": "It burns.", "service": "checkout", "priority": "P1"}
        assert (await desk.client.get(desk.path)).status_code == 200
        async with database_away(database_url):
            answer = await desk.send(**report)
        _is_given_back(answer)
        assert (await desk.send(**report)).status_code == 201
        assert (await desk.view()).incident.summary == "It burns."


async def test_before_the_key_is_known_what_was_typed_stays_in_the_form_too(
    light_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise Overloaded("the database can't be reached", retry_after=7)

    monkeypatch.setattr(Keys, "find_report_page", away)
    answer = await light_desk.send(summary="It burns.", service="checkout", priority="P1")
    _is_given_back(answer)
    assert answer.headers["retry-after"] == "7"
    assert "call +49" not in answer.text
    assert (await light_desk.client.get(light_desk.path)).status_code == 503


async def test_where_the_note_can_not_be_stored_the_reporter_is_told_and_can_send_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise Conflict("changed_meanwhile", "somebody was faster")

    await desk.send(name="Ben Ode", service="checkout", priority="P1")
    with monkeypatch.context() as patch:
        patch.setattr(declaring, "perform", away)
        _is_given_back(await desk.send(summary="It burns.", service="checkout", priority="P1"))
    assert await desk.notes() == []
    assert (await desk.send(summary="It burns.", service="checkout", priority="P1")).status_code == 201
    assert [reason for _, reason in await desk.notes()] == ["Mia Berg reports this too: It burns."]


def _is_given_back(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "please send it again" in said(answer)
    assert "It burns." in said(answer)
    assert 'value="Checkout is down"' in answer.text
    assert '<option value="checkout" selected>' in answer.text
    assert 'value="P1" checked' in answer.text


async def test_a_report_that_is_taken_is_not_called_lost_where_it_can_not_be_read_back(
    light_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise Overloaded("the database can't be reached")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "incident", away)
        answer = await light_desk.send()
    assert answer.status_code == 201
    assert "Your report was taken." in said(answer)
    assert (await light_desk.view()).incident.title == "Checkout is down"


async def test_the_key_of_the_page_stands_in_none_of_its_answers(light_desk: Desk) -> None:
    answers: list[httpx.Response] = [
        await light_desk.client.get(light_desk.path),
        await light_desk.send(),
        await light_desk.send(title=""),
    ]
    assert all(KEY not in answer.text for answer in answers)
