"""`tocsin check --slack`: what would go wrong at night, told by Slack itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.clock import unix_time
from engine.config.document import parse
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import Channel, User
from integrations.slack.manifest import SCOPES
from tests.cli.conftest import Cli, Ran
from tests.scenarios.stage import DEFAULT, reach_in, unedited, write_config

Ask = Callable[..., Any]


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackSandbox]:
    reach = reach_in(write_config(tmp_path, unedited))
    people = [User(id=own["slack"], name=name, email=own["email"]) for name, own in reach.items() if "slack" in own]
    others = [User(id="U0CTO", name="cto", email=reach["cto"]["email"])]
    sandbox = SlackSandbox(
        signing_secret="s",
        bot_token="xoxb-right",
        app_token="xapp-right",
        clock=unix_time,
        users=[*people, *others],
        channels=[Channel(id="C0INCIDENTS", name="incidents"), Channel(id="C0OPERATIONS", name="operations")],
    )
    sandbox.grant(*(scope.name for scope in SCOPES))
    async with sandbox:
        yield sandbox


async def ask(slack: SlackSandbox, *arguments: str, **environ: str) -> Ran:
    given = {
        "SLACK_BOT_TOKEN": "xoxb-right",
        "SLACK_APP_TOKEN": "xapp-right",
        "SLACK_API_URL": slack.api_url,
        **environ,
    }
    ran = await asyncio.to_thread(Cli(**given), "check", "--slack", *arguments)
    for token in ("xoxb-right", "xapp-right", "xoxb-wrong", "xapp-wrong"):
        assert token not in ran.out + ran.err
    return ran


def looks(ran: Ran) -> dict[str, tuple[str, str]]:
    return {one["what"]: (one["verdict"], one["detail"]) for one in json.loads(ran.out)["slack"]}


async def test_what_is_right_is_said_to_be_and_a_missing_address_is_found_by_mail(slack: SlackSandbox) -> None:
    ran = await ask(slack, "--json")
    found = looks(ran)
    assert ran.code == 0
    assert found["bot token"] == ("ok", "tocsin in sandbox")
    assert found["scopes"][0] == "ok"
    assert found["clicks"] == ("ok", "by Socket Mode")
    assert found["cards #incidents"] == ("ok", "C0INCIDENTS")
    assert found["contacts.ops-lead"] == ("ok", "ops-lead")
    assert found["contacts.cto"] == ("not known", "has no Slack address; by mail address it is U0CTO")
    assert slack.messages() == []
    shown = await ask(slack)
    assert "✓" in shown.out
    assert "by Socket Mode" in shown.out


async def test_a_token_that_slack_does_not_take_is_all_that_is_said(slack: SlackSandbox) -> None:
    ran = await ask(slack, "--json", SLACK_BOT_TOKEN="xoxb-wrong")
    assert (ran.code, list(looks(ran))) == (1, ["bot token"])
    assert "SLACK_BOT_TOKEN" in looks(ran)["bot token"][1]


async def test_each_thing_that_is_wrong_is_said_with_what_to_do(slack: SlackSandbox) -> None:
    slack.grant("chat:write", "commands")
    slack.workspace.channels["C0INCIDENTS"] = replace(slack.workspace.channels["C0INCIDENTS"], archived=True)
    del slack.workspace.channels["C0OPERATIONS"]
    del slack.workspace.users["U0EXAMPLE01"]
    ran = await ask(slack, "--json", SLACK_APP_TOKEN="xapp-wrong")
    found = looks(ran)
    assert ran.code == 1
    assert found["scope chat:write.public"][0] == "wrong"
    assert found["scope im:history"][0] == "not known"
    assert "reinstall the app" in found["scope im:history"][1]
    assert "connections:write" in found["clicks"][1]
    assert found["cards #incidents"][0] == "wrong"
    assert "unarchive it" in found["cards #incidents"][1]
    assert "/invite @Tocsin" in found["queue #operations"][1]
    assert found["contacts.ops-lead"][0] == "wrong"


async def test_what_the_app_may_not_look_at_is_not_called_wrong(slack: SlackSandbox) -> None:
    slack.fail(Failure.REFUSED, method="users.info", error="missing_scope")
    ran = await ask(slack, "--json")
    assert ran.code == 0
    assert looks(ran)["contacts.ops-lead"][0] == "not known"


@pytest.mark.parametrize(
    ("environ", "verdict"),
    [({"SLACK_APP_TOKEN": ""}, "wrong"), ({"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": "s"}, "not known")],
)
async def test_without_socket_mode_clicks_are_wrong_or_not_known(
    slack: SlackSandbox, environ: dict[str, str], verdict: str
) -> None:
    assert looks(await ask(slack, "--json", **environ))["clicks"][0] == verdict


async def test_a_slack_that_can_not_be_reached_is_said_so(slack: SlackSandbox) -> None:
    ran = await ask(slack, "--json", SLACK_API_URL="http://127.0.0.1:9/api")
    assert "can't be reached" in looks(ran)["bot token"][1]


def test_without_a_token_there_is_nothing_to_ask_with() -> None:
    ran = Cli()("check", "--slack")
    assert ran.code == 1
    assert "SLACK_BOT_TOKEN is not set" in ran.err


def test_the_addresses_are_those_of_the_shipped_configuration() -> None:
    """The other tests lean on them."""
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    assert document["contacts"]["ops-lead"]["reach"]["slack"] == "U0EXAMPLE01"
