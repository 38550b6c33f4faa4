"""Only what Slack signed in the last five minutes gets past the door."""

import time

import httpx
import pytest

from integrations.sandbox.clicks import FORM, JSON, SIGNATURE, TIMESTAMP, Forgery, sign, signed_request
from integrations.sandbox.slack import SlackSandbox
from integrations.slack.buttons import Action
from integrations.slack.front import Front
from integrations.slack.http import LIMIT
from tests.integrations.slack.conftest import ANA, SECRET
from tests.integrations.slack.desk import FakeDesk
from tests.integrations.slack.test_app import post

BODY = b'{"type":"url_verification","challenge":"c"}'


def machine_time() -> int:
    return int(time.time())  # noqa: TID251 - signatures are checked against the machine's clock


async def send(door: httpx.AsyncClient, body: bytes, content_type: str) -> httpx.Response:
    """Signed rightly, whatever the body is."""
    request = signed_request(body, content_type, secret=SECRET, now=machine_time())
    return await door.post("/slack/events", content=request.body, headers=request.headers)


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("forgery", list(Forgery))
async def test_a_forged_click_is_refused_and_never_reaches_the_desk(
    slack: SlackSandbox, desk: FakeDesk, front: Front, forgery: Forgery
) -> None:
    answer = await slack.click(post(slack), Action.RESOLVE, user=ANA.id, forgery=forgery)
    await front.drain()
    assert answer.status == 401
    assert answer.json()["title"] == "Unauthorized"
    assert (desk.acts, slack.ephemerals()) == ([], [])


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("forgery", list(Forgery))
async def test_a_forged_event_is_refused(slack: SlackSandbox, forgery: Forgery) -> None:
    assert (await slack.send_event({"type": "app_home_opened"}, forgery=forgery)).status == 401


@pytest.mark.usefixtures("connected")
async def test_the_request_url_is_verified(slack: SlackSandbox) -> None:
    answer = await slack.verify_request_url("3eZbrw1aBm2rZgRNFdxV")
    assert (answer.status, answer.json()) == (200, {"challenge": "3eZbrw1aBm2rZgRNFdxV"})


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("retry", [0, 1])
async def test_an_event_that_nobody_listens_to_is_acknowledged_so_that_slack_stops_sending_it(
    slack: SlackSandbox, retry: int
) -> None:
    assert (await slack.send_event({"type": "team_rename", "name": "x"}, retry=retry)).status == 200


@pytest.mark.parametrize(("age", "status"), [(0, 200), (299, 200), (302, 401), (-299, 200), (-302, 401)])
async def test_a_signature_holds_for_five_minutes_either_way(door: httpx.AsyncClient, age: int, status: int) -> None:
    request = signed_request(BODY, JSON, secret=SECRET, now=machine_time() - age)
    answer = await door.post("/slack/events", content=request.body, headers=request.headers)
    assert answer.status_code == status


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "9" * 400, "1e9", "0x10", "1 2"])
async def test_a_timestamp_that_is_no_time_is_refused(door: httpx.AsyncClient, timestamp: str) -> None:
    headers = {"Content-Type": JSON, TIMESTAMP: timestamp, SIGNATURE: sign(SECRET, timestamp, BODY)}
    assert (await door.post("/slack/events", content=BODY, headers=headers)).status_code == 401


@pytest.mark.parametrize("signature", [b"", b"v0=", b"v0=\xfcmlaut", b"v1=" + b"0" * 64, b"v0=" + b"0" * 64])
async def test_a_signature_that_is_none_is_refused(door: httpx.AsyncClient, signature: bytes) -> None:
    headers = {
        b"Content-Type": JSON.encode(),
        TIMESTAMP.encode(): b"%d" % machine_time(),
        SIGNATURE.encode(): signature,
    }
    assert (await door.post("/slack/events", content=BODY, headers=headers)).status_code == 401


async def test_a_body_that_is_not_utf_8_is_refused(door: httpx.AsyncClient) -> None:
    assert (await send(door, b"\xff\xfe", FORM)).status_code == 401


async def test_a_body_that_is_too_large_is_refused_whoever_signed_it(door: httpx.AsyncClient) -> None:
    assert (await send(door, b"a" * (LIMIT + 1), FORM)).status_code == 413


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"type": "event', JSON),
        (b"[1]", JSON),
        (b"null", JSON),
        (b"7", JSON),
        (b"payload=%7B", FORM),
        (b"payload=%5B%5D", FORM),
        (b"payload=%22x%22", FORM),
    ],
)
async def test_a_signed_body_that_is_no_payload_is_a_bad_request(
    door: httpx.AsyncClient, body: bytes, content_type: str
) -> None:
    answer = await send(door, body, content_type)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
