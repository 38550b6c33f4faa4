"""The sandbox's Slack as a web page: whoever looks chooses a person, reads what that person reads, and presses."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, Ephemeral, Json, Message

FILES = Path(__file__).parent / "page"
TYPES = {"": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'"
)
HOME = "home"
COMMAND = "/tocsin"
SHORTCUT = "tocsin_declare"
DECLARE = "Declare an incident (shortcut)"

Lever = Callable[[], Awaitable[str]]
"""Makes something happen, and says what."""


class Page:
    """`levers`: what the page offers to make happen, by its title."""

    def __init__(self, slack: SlackSandbox, levers: Mapping[str, Lever] | None = None) -> None:
        self._slack = slack
        self._levers = dict(levers or {})
        self._closed: set[str] = set()
        self._acts = 0
        router = slack.application.router
        for name in TYPES:
            router.add_get(f"/{name}", self._file)
        router.add_get("/sandbox/state", self._state)
        router.add_post("/sandbox/act", self._act)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix("/")
        text = (FILES / (name or "index.html")).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=TYPES[name], headers={"Content-Security-Policy": POLICY})

    async def _state(self, request: web.Request) -> web.Response:
        people = list(self._slack.workspace.users.values())
        asked = request.query.get("as", "")
        me = asked if asked in self._slack.workspace.users else people[0].id
        return web.json_response(
            {
                "version": f"{len(self._slack.workspace.log)}.{len(self._slack.ephemerals())}"
                f".{len(self._slack.views())}.{self._acts}.{self._slack.calls('views.publish')}",
                "me": me,
                "people": [{"id": one.id, "name": one.name} for one in people],
                "places": self._places(me),
                "levers": [*self._levers, DECLARE],
                "dialog": self._dialog(me),
            }
        )

    def _places(self, me: str) -> list[Json]:
        workspace = self._slack.workspace
        rooms = [one for one in workspace.channels.values() if one.user is None]
        direct = workspace.open_direct(workspace.users[me])
        home = workspace.homes.get(me, {}).get("blocks", [])
        return [
            {"id": direct.id, "title": "Tocsin (direct messages)", "messages": self._messages(direct, me)},
            *(
                {
                    "id": one.id,
                    "title": f"# {one.name}" + (" (archived)" if one.archived else ""),
                    "messages": self._messages(one, me),
                }
                for one in rooms
            ),
            {"id": HOME, "title": "Tocsin (home tab)", "messages": [], "home": home},
        ]

    def _messages(self, room: Channel, me: str) -> list[Json]:
        names = {one.id: one.name for one in self._slack.workspace.users.values()}
        said = [_message(one, names) for one in self._slack.messages(channel=room.id) if not one.deleted]
        whispers = [_whisper(one) for one in self._slack.ephemerals(me) if one.channel == room.id]
        return sorted([*said, *whispers], key=lambda one: float(one["ts"]))

    def _dialog(self, me: str) -> Json | None:
        opened = [one.view for one in self._slack.views(me) if one.view["id"] not in self._closed]
        return opened[-1] if opened else None

    async def _act(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        self._acts += 1
        try:
            told = await self._done(asked)
        except LookupError as error:
            return web.json_response({"error": f"That is no longer there: {error}"}, status=409)
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.json_response({"error": f"The app did not answer ({type(error).__name__})"}, status=502)
        return web.json_response(told)

    async def _done(self, asked: dict[str, Any]) -> Json:
        me, what = asked["as"], asked["do"]
        match what:
            case "click":
                await self._slack.click(self._message(asked), asked["action"], user=me)
            case "press":
                await self._slack.click_home(asked["action"], user=me)
            case "submit":
                return await self._submit(me, asked["view"], asked["answers"])
            case "mark":
                await self._slack.mark(self._message(asked), "pushpin", user=me)
            case "home":
                await self._slack.open_home(me)
            case "close":
                self._closed.add(asked["view"])
            case "type":
                return await self._type(me, asked["place"], asked["text"])
            case "pull" if asked["lever"] == DECLARE:
                await self._slack.shortcut(SHORTCUT, user=me)
            case "pull":
                return {"note": await self._levers[asked["lever"]]()}
            case _:
                raise LookupError(what)
        return {}

    def _message(self, asked: dict[str, Any]) -> Message:
        message = self._slack.workspace.message(asked["place"], asked["ts"])
        if message is None:
            raise LookupError("the message")
        return message

    async def _submit(self, me: str, view: str, answers: dict[str, str]) -> Json:
        opened = next(one for one in self._slack.views(me) if one.view["id"] == view)
        answer = await self._slack.submit(opened, {name: text or None for name, text in answers.items()})
        if answer.body:
            return {"errors": answer.json().get("errors", {})}
        self._closed.add(view)
        return {}

    async def _type(self, me: str, place: str, text: str) -> Json:
        if not text.startswith(COMMAND):
            self._slack.say(text, user=me, channel=place)
            return {}
        await self._slack.command(text.removeprefix(COMMAND).strip(), user=me, channel=place)
        return {}


def _message(one: Message, names: Mapping[str, str]) -> Json:
    return {
        "author": names.get(one.author or ""),
        "reply": one.thread_ts is not None,
        "seq": one.seq,
        "ts": one.ts,
        "text": one.text,
        "blocks": list(one.blocks),
        "at": one.posted_at,
        "edited": bool(one.history),
    }


def _whisper(one: Ephemeral) -> Json:
    return {
        "seq": 0,
        "ts": one.ts,
        "text": one.text,
        "blocks": list(one.content.blocks),
        "at": one.at,
        "whisper": True,
    }
