"""The sandbox's Slack over HTTP: the Web API, the response URLs, and the record for other processes."""

from collections import Counter

from aiohttp import web

from integrations.sandbox.faults import Switchboard
from integrations.sandbox.slack_answers import answered, refused
from integrations.sandbox.slack_api import METHODS
from integrations.sandbox.slack_arguments import Arguments, read_arguments
from integrations.sandbox.slack_faults import Buckets, Failure, Fault
from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_replies import respond
from integrations.sandbox.slack_socket import LINK, SocketDoor
from integrations.sandbox.slack_state import Workspace
from integrations.sandbox.slack_values import Json, Message

TOKENLESS = ("api.test",)
UPLOAD = "files.getUploadURLExternal"
OPEN_SOCKET = "apps.connections.open"  # by the app's own token, not the bot's
RATE_LIMITED_METHOD = "chat.postMessage"
BEARER = "Bearer "


class SlackServer:
    """`application` is what listens; the rest of the sandbox keeps the workspace and arms the faults."""

    def __init__(
        self,
        workspace: Workspace,
        faults: Switchboard[Fault],
        buckets: Buckets,
        sockets: SocketDoor,
        *,
        bot_token: str,
    ) -> None:
        self._sockets = sockets
        self._workspace = workspace
        self._faults = faults
        self._buckets = buckets
        self._bot_token = bot_token
        self.calls = Counter[str]()
        self.scopes: tuple[str, ...] = ()
        self.application = web.Application()
        self.application.router.add_route("*", "/api/{method}", self._call)
        self.application.router.add_post("/actions/{team}/{number}/{secret}", self._respond)
        self.application.router.add_get("/sandbox/messages", self._record)
        self.application.router.add_get(f"{LINK}/", sockets.serve)
        self.application.router.add_post("/upload/{file}", self._upload)
        self.application.router.add_get("/files/{file}", self._download)

    async def _call(self, request: web.Request) -> web.Response:
        arguments = await read_arguments(request)
        if isinstance(arguments, Refusal):
            return web.json_response(arguments.answer())
        method = request.match_info["method"]
        self.calls[method] += 1
        self._workspace.changed.beat()
        channel = self._workspace.conversation_id(arguments.text("channel"))
        fault = self._faults.take(lambda one: one.applies(method=method, channel=channel))
        if fault is not None:
            return await self._fail(fault, request, arguments)
        if method == RATE_LIMITED_METHOD and not self._buckets.admits(channel):
            return rate_limited(1)
        return self._carry_out(request, arguments)

    def _carry_out(self, request: web.Request, arguments: Arguments) -> web.Response:
        name = request.match_info["method"]
        if name == UPLOAD:
            return self._place_for_file(request, arguments)
        if name == OPEN_SOCKET:
            return web.json_response(self._sockets.open(_token(request, arguments), request.host))
        method = METHODS.get(name)
        if method is None:
            return web.json_response({**refused("unknown_method"), "req_method": name})
        if name not in TOKENLESS and (error := self._unauthorized(request, arguments)):
            return web.json_response(refused(error))
        answer = method(self._workspace, arguments)
        return web.json_response(answer, headers={"X-OAuth-Scopes": ",".join(self.scopes)})

    def _place_for_file(self, request: web.Request, arguments: Arguments) -> web.Response:
        if error := self._unauthorized(request, arguments):
            return web.json_response(refused(error))
        if not arguments.text("filename") or not arguments.number("length", 0):
            return web.json_response(refused("invalid_arguments", "filename and length are needed"))
        file = self._workspace.file_place()
        return web.json_response(answered(upload_url=f"http://{request.host}/upload/{file}", file_id=file))

    async def _upload(self, request: web.Request) -> web.Response:
        file = request.match_info["file"]
        if file not in self._workspace.files:
            return web.Response(status=404)
        self._workspace.files[file] = await request.read()
        return web.Response(text=f"OK - {len(self._workspace.files[file])}")

    async def _download(self, request: web.Request) -> web.Response:
        content = self._workspace.files.get(request.match_info["file"])
        return web.Response(status=404) if not content else web.Response(body=content, content_type="application/pdf")

    def _unauthorized(self, request: web.Request, arguments: Arguments) -> str | None:
        token = _token(request, arguments)
        if not token:
            return "not_authed"
        return None if token == self._bot_token else "invalid_auth"

    async def _fail(self, fault: Fault, request: web.Request, arguments: Arguments) -> web.Response:
        match fault.failure:
            case Failure.DROPPED:
                return _drop(request)
            case Failure.HANGING:
                await self._faults.hold()
                return self._carry_out(request, arguments)
            case Failure.ACCEPTED_THEN_DROPPED:
                self._carry_out(request, arguments)
                return _drop(request)
            case Failure.ACCEPTED_THEN_HANGING:
                answer = self._carry_out(request, arguments)
                await self._faults.hold()
                return answer
            case _:
                return _broken_answer(fault)

    async def _respond(self, request: web.Request) -> web.Response:
        click = self._workspace.grants.respond(request.path)
        if isinstance(click, Refusal):
            return web.json_response(click.answer(), status=404)
        arguments = await read_arguments(request)
        refusal = arguments if isinstance(arguments, Refusal) else respond(self._workspace, click, arguments)
        if refusal is not None:
            return web.json_response(refusal.answer(), status=400)
        return web.Response(text="ok")

    async def _record(self, request: web.Request) -> web.Response:
        """Every change after the one numbered `after`, in order."""
        after = request.query.get("after", "0")
        if not after.isdecimal():
            return web.json_response({"error": "after: a whole number"}, status=400)
        log = self._workspace.log
        return web.json_response({"last": len(log), "messages": [_row(one) for one in log[int(after) :]]})


def _token(request: web.Request, arguments: Arguments) -> str:
    return request.headers.get("Authorization", "").removeprefix(BEARER) or arguments.text("token")


def rate_limited(retry_after: int) -> web.Response:
    return web.json_response(refused("ratelimited"), status=429, headers={"Retry-After": str(retry_after)})


def _broken_answer(fault: Fault) -> web.Response:
    match fault.failure:
        case Failure.RATE_LIMITED:
            return rate_limited(fault.retry_after)
        case Failure.SERVER_ERROR:
            return web.json_response(refused("internal_error"), status=500)
        case Failure.UNAVAILABLE:
            page = "<html><body>503 Service Unavailable</body></html>"
            return web.Response(status=503, text=page, content_type="text/html")
        case Failure.GARBAGE:
            return web.Response(text='{"ok": tru', content_type="application/json")
        case _:
            return web.json_response(refused(fault.error))


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # aiohttp wants an answer; with the transport gone nobody gets it


def _row(message: Message) -> Json:
    return {
        "seq": message.seq,
        "change": message.change,
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": list(message.blocks),
        "metadata": message.metadata,
        "at": message.changed_at,
        "monotonic": message.changed_monotonic,
    }
