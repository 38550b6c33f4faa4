"""The 3 am flow once more, with no address of ours that Slack could reach."""

from __future__ import annotations

from tests.scenarios.conftest import OpenStage
from tests.scenarios.test_slack import ACKNOWLEDGE, ESCALATE, RESOLVE, page


async def test_a_page_is_answered_passed_up_and_resolved_over_the_socket(open_stage: OpenStage) -> None:
    async with open_stage(over_socket=True) as stage:
        message = await page(stage)
        await stage.to(minute=3)
        answer = await stage.click(message, ACKNOWLEDGE, "ops-lead")
        assert (answer.status, answer.body) == (200, "")
        incident = await stage.incident("INC-1")
        assert (incident["state"], incident["acknowledged_by"]) == ("assessment", "ops-lead")
        await stage.click(stage.direct("ops-lead")[0], ESCALATE, "ops-lead")
        await stage.click(stage.direct("ops-lead")[0], RESOLVE, "eng-manager")
        assert (await stage.incident("INC-1"))["state"] == "review"
        await stage.advance(minutes=120)
        assert stage.pages("slack") == [(0, "ops-lead"), (3, "eng-manager")]
        assert (await stage.http.get("/readyz")).json()["answering"] == {}
