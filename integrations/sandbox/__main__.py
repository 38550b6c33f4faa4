"""Both sandboxes in a process of their own: `python -m integrations.sandbox` prints their addresses as one line of JSON
and serves until it is told to stop."""

import argparse
import asyncio
import json
import signal
import sys
import time

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, User
from integrations.sandbox.smtp import MailSandbox


def main() -> None:
    asyncio.run(_serve(_options()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of Slack; any free one by default")
    parser.add_argument("--smtp-port", type=int, default=0, help="of the mail server; any free one by default")
    parser.add_argument("--bot-token", default="xoxb-sandbox")
    parser.add_argument("--signing-secret", default="sandbox-signing-secret")
    parser.add_argument("--request-url", help="where clicks and events go")
    parser.add_argument("--user", action="append", default=[], type=_user, metavar="ID:NAME:EMAIL")
    parser.add_argument("--channel", action="append", default=[], type=_channel, metavar="ID:NAME")
    return parser.parse_args()


def _user(given: str) -> User:
    user_id, name, email = given.split(":")
    return User(id=user_id, name=name, email=email)


def _channel(given: str) -> Channel:
    channel_id, name = given.split(":")
    return Channel(id=channel_id, name=name)


async def _serve(options: argparse.Namespace) -> None:
    # A process of its own has nobody to hand it a clock.
    clock = time.time  # noqa: TID251
    slack = SlackSandbox(
        signing_secret=options.signing_secret,
        bot_token=options.bot_token,
        clock=clock,
        request_url=options.request_url,
        users=options.user,
        channels=options.channel,
        port=options.port,
    )
    async with slack, MailSandbox(clock=clock, port=options.smtp_port) as mail:
        addresses = {"slack_api_url": slack.api_url, "record_url": slack.record_url, "smtp_url": mail.url}
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        await _told_to_stop()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    main()
