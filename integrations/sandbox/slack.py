"""A Slack workspace on loopback: the Web API for the app, and people who press its buttons."""

import asyncio
import html
import itertools
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from integrations.sandbox.clicks import (
    JSON,
    AppAnswer,
    Forgery,
    as_http,
    block_actions,
    encode_json,
    event_callback,
    global_shortcut,
    home_actions,
    signed_request,
    slash_command,
    url_verification,
    view_submission,
)
from integrations.sandbox.faults import Switchboard
from integrations.sandbox.slack_answers import show_message
from integrations.sandbox.slack_faults import Buckets, Failure, Fault, RateLimit
from integrations.sandbox.slack_grants import Click
from integrations.sandbox.slack_server import SlackServer
from integrations.sandbox.slack_socket import SocketDoor
from integrations.sandbox.slack_state import Workspace
from integrations.sandbox.slack_values import Channel, Content, Ephemeral, Json, Message, OpenedView, User, buttons_of

HOST = "127.0.0.1"
ANSWER_SECONDS = 10.0  # Slack gives up after 3; a test wants to see how late a late answer is
WAIT_SECONDS = 5.0
CLOSING_SECONDS = 0.05  # for answers on their way; calls that hang are cut off then
RETRY_NUMBER = "X-Slack-Retry-Num"
RETRY_REASON = "X-Slack-Retry-Reason"


class SlackSandbox:
    """Listens while it is entered, and keeps its record afterwards.

    `clock` gives the Unix seconds of signatures and message ids. `request_url` is where clicks and events go; it may be
    set later, and without it they go over Socket Mode. Port 0 is any free one.
    """

    def __init__(
        self,
        *,
        signing_secret: str,
        bot_token: str,
        app_token: str = "xapp-sandbox",  # noqa: S107 - the sandbox's own
        clock: Callable[[], float],
        request_url: str | None = None,
        users: Iterable[User] = (),
        channels: Iterable[Channel] = (),
        port: int = 0,
    ) -> None:
        self.request_url = request_url
        self.bot_token = bot_token
        self.port = port
        self.workspace = Workspace(clock=clock, monotonic=_monotonic, users=users, channels=channels)
        self._signing_secret = signing_secret
        self._faults = Switchboard[Fault](self.workspace.changed)
        self._buckets = Buckets(_monotonic)
        self.sockets = SocketDoor(self.workspace.changed, _monotonic, app_token=app_token)
        self._server = SlackServer(self.workspace, self._faults, self._buckets, self.sockets, bot_token=bot_token)
        self._event_numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(
            self._server.application, access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_SECONDS
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.workspace.address = self.url
        self._people = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._people.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def application(self) -> web.Application:
        """What listens; more may be added to it before the sandbox is entered."""
        return self._server.application

    @property
    def api_url(self) -> str:
        """What the app takes for `https://slack.com/api/`."""
        return f"{self.url}/api/"

    @property
    def record_url(self) -> str:
        """The record for another process: every change after the one numbered `?after=`, as JSON."""
        return f"{self.url}/sandbox/messages"

    # What was said

    def messages(self, *, channel: str | None = None, user: str | None = None) -> list[Message]:
        """As `Workspace.messages`: of one channel (id or name), of the direct conversation with `user`, or all."""
        return self.workspace.messages(channel=channel, user=user)

    def ephemerals(self, user: str | None = None) -> list[Ephemeral]:
        return [one for one in self.workspace.ephemerals if user in (None, one.user)]

    def views(self, user: str | None = None) -> list[OpenedView]:
        return [one for one in self.workspace.views if user in (None, one.user)]

    def calls(self, method: str) -> int:
        """How often the app called one Web API method, failed calls included."""
        return self._server.calls[method]

    async def wait_for(self, predicate: Callable[[Message], bool], *, within: float = WAIT_SECONDS) -> Message:
        """As `Workspace.wait_for`."""
        return await self.workspace.wait_for(predicate, within=within)

    async def wait_until(self, condition: Callable[[], bool], *, within: float = WAIT_SECONDS) -> None:
        """As `Workspace.wait_until`."""
        await self.workspace.wait_until(condition, within=within)

    # What people and Slack do

    async def click(
        self, message: Message, action_id: str, *, user: str, stale: bool = False, forgery: Forgery | None = None
    ) -> AppAnswer:
        """`user` presses the button `action_id` of `message`.

        The button must be there now; `stale` presses it under the version given, as a client does that has not yet
        shown the change. Raises LookupError where the message, the button or the person is not there.
        """
        shown = message if stale else self._now(message)
        button = shown.button(action_id)
        if button is None or user not in self.workspace.users:
            raise LookupError(
                f"no {action_id!r} for {user} under {shown.text!r}: {[one.action_id for one in shown.buttons]}"
            )
        click = Click(user=user, message=shown)
        payload = block_actions(
            shown,
            button,
            user=self.workspace.users[user],
            channel=self.workspace.channels[shown.channel],
            trigger_id=self.workspace.grants.trigger(click),
            response_url=self.url + self.workspace.grants.response_path(click),
            now=self.workspace.clock(),
        )
        return await self._deliver("interactive", payload, forgery=forgery)

    async def click_home(self, action_id: str, *, user: str) -> AppAnswer:
        """`user` presses a button on their own home tab. Raises LookupError where it is not there."""
        view = self.workspace.homes.get(user, {"blocks": []})
        button = next((one for one in buttons_of(view["blocks"]) if one.action_id == action_id), None)
        if button is None:
            raise LookupError(f"no {action_id!r} on the home tab of {user}")
        trigger = self.workspace.grants.trigger(Click(user=user))
        person, now = self.workspace.users[user], self.workspace.clock()
        payload = home_actions(button, view, user=person, trigger_id=trigger, now=now)
        return await self._deliver("interactive", payload)

    async def submit(self, opened: OpenedView, answers: Mapping[str, str | None]) -> AppAnswer:
        """Whoever was shown the dialog sends it, the fields that are not among `answers` as they were shown."""
        trigger = self.workspace.grants.trigger(Click(user=opened.user))
        person = self.workspace.users[opened.user]
        return await self._deliver(
            "interactive", view_submission(opened.view, answers, user=person, trigger_id=trigger)
        )

    async def command(self, text: str, *, user: str, channel: str, command: str = "/tocsin") -> AppAnswer:
        """`user` types a slash command in a channel (id or name)."""
        place = self.workspace.conversation(channel)
        if place is None:
            raise LookupError(f"no channel {channel!r}")
        click = Click(user=user, channel=place.id)
        form = slash_command(
            command,
            text,
            user=self.workspace.users[user],
            channel=place,
            trigger_id=self.workspace.grants.trigger(click),
            response_url=self.url + self.workspace.grants.response_path(click),
        )
        return await self._deliver("slash_commands", form)

    async def shortcut(self, callback_id: str, *, user: str) -> AppAnswer:
        """`user` takes a global shortcut from Slack's own menu."""
        trigger = self.workspace.grants.trigger(Click(user=user))
        person, now = self.workspace.users[user], self.workspace.clock()
        return await self._deliver(
            "interactive", global_shortcut(callback_id, user=person, trigger_id=trigger, now=now)
        )

    def say(self, text: str, *, user: str, channel: str) -> Message:
        """`user` writes something in a channel (id or name); the app hears nothing of it."""
        place = self.workspace.conversation(channel)
        if place is None or place.archived:
            raise LookupError(f"nobody can write in {channel!r}")
        return self.workspace.post(place, Content(text=html.escape(text, quote=False)), author=user)

    async def mark(self, message: Message, reaction: str, *, user: str, event_id: str | None = None) -> AppAnswer:
        """`user` puts a reaction under a message."""
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        event = {
            "type": "reaction_added",
            "user": user,
            "reaction": reaction,
            "item": item,
            "item_user": message.author,
        }
        return await self.send_event(event, event_id=event_id)

    async def edit(self, message: Message, text: str) -> AppAnswer:
        """Whoever wrote a message writes it anew, and the app hears of it."""
        now = self.workspace.update(message, Content(text=html.escape(text, quote=False)))
        edited = {"edited": {"user": message.author, "ts": f"{self.workspace.clock():.6f}"}}
        return await self._tell_change("message_changed", message, message={**show_message(now), **edited})

    async def delete(self, message: Message) -> AppAnswer:
        """Whoever wrote a message deletes it, and the app hears of it."""
        self.workspace.delete(message)
        return await self._tell_change("message_deleted", message, deleted_ts=message.ts)

    async def _tell_change(self, subtype: str, before: Message, **facts: object) -> AppAnswer:
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": before.channel}
        at, previous = f"{self.workspace.clock():.6f}", show_message(before)
        return await self.send_event({**event, "ts": at, "previous_message": previous, **facts})

    async def message_shortcut(self, callback_id: str, message: Message, *, user: str) -> AppAnswer:
        """`user` takes a shortcut from a message's menu."""
        trigger = self.workspace.grants.trigger(Click(user=user))
        person, now = self.workspace.users[user], self.workspace.clock()
        payload = global_shortcut(callback_id, user=person, trigger_id=trigger, now=now)
        place = self.workspace.channels[message.channel]
        about = {"channel": {"id": place.id, "name": place.name}, "message": show_message(message)}
        return await self._deliver("interactive", {**payload, "type": "message_action", **about})

    async def open_home(self, user: str) -> AppAnswer:
        """`user` opens the app's home tab."""
        return await self.send_event(
            {"type": "app_home_opened", "user": user, "channel": f"D{user[1:]}", "tab": "home"}
        )

    async def send_event(
        self, event: Json, *, event_id: str | None = None, retry: int = 0, forgery: Forgery | None = None
    ) -> AppAnswer:
        """Deliver one event, or, with the same `event_id` and a `retry` number, deliver it again."""
        event_id = event_id or f"Ev{next(self._event_numbers):08d}"
        payload = event_callback(event, event_id=event_id, now=self.workspace.clock())
        extra = {RETRY_NUMBER: str(retry), RETRY_REASON: "http_timeout"} if retry else {}
        return await self._deliver("events_api", payload, forgery=forgery, extra=extra)

    async def _deliver(
        self,
        kind: str,
        payload: Json,
        *,
        forgery: Forgery | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> AppAnswer:
        if self.request_url is None:
            return await self.sockets.deliver(kind, payload)
        body, content_type = as_http(kind, payload)
        return await self.send_signed(body, content_type, forgery=forgery, extra=extra)

    async def verify_request_url(self, challenge: str) -> AppAnswer:
        """What Slack does when the request URL is entered; the app is to echo `challenge`."""
        return await self.send_signed(encode_json(url_verification(challenge)), JSON)

    async def send_signed(
        self,
        body: bytes,
        content_type: str,
        *,
        forgery: Forgery | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> AppAnswer:
        """Any body at all, signed by Slack, with `extra` headers."""
        now = self.workspace.clock()
        request = signed_request(body, content_type, secret=self._signing_secret, now=now, forgery=forgery)
        return await self.send_raw(request.body, {**request.headers, **(extra or {})})

    async def send_raw(self, body: bytes, headers: Mapping[str, str]) -> AppAnswer:
        """POST to the request URL, nothing added. Raises aiohttp.ClientError or TimeoutError where no answer comes."""
        if self.request_url is None:
            raise LookupError("the sandbox has no request_url yet")
        started = _monotonic()
        async with self._people.post(self.request_url, data=body, headers=headers) as answer:
            text = await answer.text()
            return AppAnswer(
                status=answer.status, body=text, headers=dict(answer.headers), elapsed=_monotonic() - started
            )

    # What goes wrong

    def fail(
        self,
        failure: Failure,
        *,
        times: int | None = None,
        method: str | None = None,
        channel: str | None = None,
        error: str = "fatal_error",
        retry_after: int = 1,
    ) -> None:
        """Let the next `times` calls fail (None: every call until `recover`), of one `method` or to one `channel` only.

        `channel` may be a person's id. `error` is the code of `Failure.REFUSED`, `retry_after` goes with
        `Failure.RATE_LIMITED`, in seconds.
        """
        place = None if channel is None else self.workspace.conversation_id(channel)
        fault = Fault(failure=failure, method=method, channel=place, error=error, retry_after=retry_after)
        self._faults.arm(fault, times=times)

    def recover(self) -> None:
        """End all failures; calls that hang go on."""
        self._faults.clear()

    @property
    def hanging(self) -> int:
        """How many calls hang at this moment; `wait_until` notices when that changes."""
        return self._faults.held

    def grant(self, *scopes: str) -> None:
        """Slack names these as the token's; what needs others is answered all the same, but where `fail` says so."""
        self._server.scopes = scopes

    def limit_rate(self, limit: RateLimit | None) -> None:
        """Answer 429 to posts that come faster than `limit`, each channel by itself; None, the default, to none."""
        self._buckets.limit = limit

    def _now(self, message: Message) -> Message:
        current = self.workspace.message(message.channel, message.ts)
        if current is None:
            raise LookupError(f"the message is no longer there: {message.text!r}")
        return current


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
