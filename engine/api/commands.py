"""`POST /api/v1/incidents/{id}/{command}`: an address for each command, done once for each Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from engine.api.auth import Caller, documented
from engine.api.bodies import COMMANDS, CommandBody, body_of, name_of, read_command
from engine.api.documents import refusals
from engine.api.incidents import ADDRESS, IncidentId, in_the_name_of
from engine.api.parts import Parts, TheParts
from engine.api.views import CommandAnswer, command_answer, show
from engine.core.commands import Base, Command
from engine.core.model import Actor, incident_id
from engine.services.answers import Question, run_once

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Sent again with the same key, the same request is answered as before and done no second time.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Who asks something of which incident."""

    parts: Parts
    caller: Actor
    ref: str
    key: str | None

    async def ask(self, command: Command, body: CommandBody) -> Response:
        actor = await in_the_name_of(self.parts, self.caller, body.by)
        if self.key is not None:
            return await self._once(self.key, command, actor, body)
        done = await self.parts.desk.run(self.ref, command, actor, generation=body.generation)
        return show(command_answer(done))

    async def _once(self, key: str, command: Command, actor: Actor, body: CommandBody) -> Response:
        kept = await run_once(
            self.parts.context,
            Question(caller=f"{self.caller.kind}:{self.caller.id}", key=key, request=self._digest(command, body)),
            ref=self.ref,
            command=command,
            actor=actor,
            generation=body.generation,
            show=lambda done: command_answer(done).model_dump_json(),
        )
        headers = {"Idempotent-Replayed": "true"} if kept.repeated else None
        return Response(kept.body, kept.status, headers, "application/json")

    def _digest(self, command: Command, body: CommandBody) -> str:
        asked = f"{incident_id(self.ref)} {command.name} {body.model_dump_json()}"
        return hashlib.sha256(asked.encode()).hexdigest()


def _asking(parts: TheParts, caller: Caller, ref: IncidentId, idempotency_key: IdempotencyKey = None) -> Asking:
    return Asking(parts=parts, caller=caller, ref=ref, key=idempotency_key)


Asked = Annotated[Asking, Depends(_asking)]


def _endpoint(command: type[Base]) -> Callable[..., Awaitable[Response]]:
    """Where nothing has to be said, the body may be left out."""
    body_type = body_of(command)
    annotation: Any = body_type

    async def with_body(asking: Asked, body: CommandBody) -> Response:
        return await asking.ask(read_command(command, body), body)

    async def with_or_without(asking: Asked, body: CommandBody | None = None) -> Response:
        body = body or body_type()
        return await asking.ask(read_command(command, body), body)

    if any(field.is_required() for field in body_type.model_fields.values()):
        with_body.__annotations__["body"] = annotation
        return with_body
    with_or_without.__annotations__["body"] = annotation | None
    return with_or_without


def _router() -> APIRouter:
    router = APIRouter(prefix=ADDRESS, tags=["commands"], dependencies=[documented])
    for command in COMMANDS:
        router.add_api_route(
            f"/{{id}}/{name_of(command)}",
            _endpoint(command),
            methods=["POST"],
            name=name_of(command),
            description=command.__doc__,
            response_model=CommandAnswer,
            responses=refusals(400, 401, 403, 404, 409, 413, 415, 422, 503),
        )
    return router


router = _router()
