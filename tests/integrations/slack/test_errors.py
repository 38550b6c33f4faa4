"""Slack's codes as delivery errors: final ones say what to do, passing ones when to try again."""

from typing import Any

import pytest

from integrations.slack.errors import REMEDIES, Refused, delivery_error


def refused(status: int = 200, code: str = "", **fields: Any) -> Refused:
    return Refused(status=status, code=code, **fields)


@pytest.mark.parametrize("code", [*REMEDIES, "invalid_blocks", "msg_too_long", "a_code_of_tomorrow"])
def test_what_slack_refuses_is_final_and_names_the_code(code: str) -> None:
    error = delivery_error(refused(code=code), "#ops")
    assert (error.permanent, error.ambiguous) == (True, False)
    assert str(error).endswith(f"({code})")
    assert "{" not in str(error)


@pytest.mark.parametrize("code", ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"])
def test_a_refused_channel_is_named(code: str) -> None:
    assert "#ops" in str(delivery_error(refused(code=code), "#ops"))


def test_a_missing_scope_is_named() -> None:
    assert "lacks the scope chat:write;" in str(
        delivery_error(refused(code="missing_scope", needed="chat:write"), "#ops")
    )


def test_refused_blocks_come_with_slacks_first_complaint() -> None:
    problem = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    error = delivery_error(refused(code="invalid_blocks", problem=problem), "#ops")
    assert str(error) == f"Slack does not take the message: {problem} (invalid_blocks)"


@pytest.mark.parametrize(
    ("answer", "ambiguous", "retry_after"),
    [
        (refused(429, retry_after=30), False, 30),
        (refused(429, code="ratelimited", retry_after=30), False, 30),
        (refused(200, code="ratelimited"), False, None),
        (refused(200, code="message_limit_exceeded"), False, None),
        (refused(503), False, None),
        (refused(503, retry_after=5), False, 5),
        (refused(503, code="service_unavailable"), False, None),
        (refused(200, code="fatal_error"), True, None),
        (refused(500, code="internal_error"), True, None),
        (refused(200), True, None),
        (refused(302), True, None),
    ],
)
def test_what_passes_is_tried_again(answer: Refused, ambiguous: bool, retry_after: float | None) -> None:  # noqa: FBT001
    error = delivery_error(answer, "#ops")
    assert (error.permanent, error.ambiguous, error.retry_after) == (False, ambiguous, retry_after)


def test_an_answer_from_the_wrong_server_is_final() -> None:
    error = delivery_error(refused(404), "#ops")
    assert error.permanent
    assert "SLACK_API_URL" in str(error)
