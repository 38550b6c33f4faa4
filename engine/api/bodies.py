"""What may be sent to the REST API: the core's commands without their name, and a person's report."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from engine.core.commands import Base, Command, Text
from engine.core.matchers import Telling
from engine.core.model import Priority
from engine.core.policy import Name
from engine.core.silences import NewSilence
from engine.core.spans import Moment
from engine.core.texts import clean
from engine.core.weekly import Weekly
from engine.services.replaying import Into

COMMANDS: tuple[type[Base], ...] = get_args(get_args(Command)[0])
"""Every command there is."""

ASKING = ("by", "generation")
"""What is asked about a command and is no part of it."""

BY = "The contact in whose name this is done. That a program did it is on record."
MATCHERS = (
    "All of them have to match. `service` and `source` are the service that an alert is given to, and the name of its "
    "integration."
)
GENERATION = "The incident's generation that the asker saw. Reopened since, the command is refused as stale."


class Body(BaseModel):
    # Descriptions are not docstrings here: pydantic would search the source for each model that `body_of` makes.
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    by: Annotated[Name | None, Field(description=BY)] = None

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, value: Any) -> Any:
        try:
            return _tidied(value)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def _tidied(value: object) -> object:
    """Texts as they can be stored and shown, without the blanks around them."""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    return {key: _tidied(item) for key, item in value.items()} if isinstance(value, dict) else value


class CommandBody(Body):
    generation: Annotated[int | None, Field(description=GENERATION)] = None


class ReportBody(Body):
    """What a person has noticed. While an incident of the same title and service is open, the report joins it."""

    title: Annotated[str, Field(min_length=1, max_length=300, examples=["Checkout is down"])]
    summary: Annotated[str, Field(max_length=4000)] = ""
    service: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    priority: Annotated[Priority | None, Field(description="Without it the classification rules decide.")] = None


class SilenceBody(Body):
    """From its start to its end alerts that match open nothing and page nobody. A resolution still reaches the incident
    that it belongs to."""

    matchers: Annotated[Telling, Field(description=MATCHERS)]
    starts_at: Annotated[Moment | None, Field(description="Without it the silence starts now.")] = None
    ends_at: Annotated[Moment, Field(description="When it is over, if nobody ends it early.")]
    recurrence: Annotated[Weekly | None, Field(description="With it alerts are muted in its turns only.")] = None
    reason: Annotated[Text, Field(description="Why, for those who wonder.")]


class ReplayBody(Body):
    """Where to a request is read anew: on trial nothing comes of it, in the engine all does."""

    into: Annotated[Into, Field(description="`trial` opens nothing and pages nobody.")] = Into.TRIAL


def read_silence(body: SilenceBody) -> NewSilence:
    return NewSilence.model_validate(body.model_dump(exclude={"by"}))


def body_of(command: type[Base]) -> type[CommandBody]:
    """The command as it is sent: its name is in the address."""
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in command.model_fields.items() if name != "name"
    }
    return create_model(f"{command.__name__}Body", __base__=CommandBody, __doc__=command.__doc__, **fields)


def read_command(command: type[Base], body: CommandBody) -> Command:
    given: Command = command.model_validate(body.model_dump(exclude=set(ASKING), exclude_unset=True))  # type: ignore[assignment]  # COMMANDS holds the members of the union
    return given


def name_of(command: type[Base]) -> str:
    name: str = command.model_fields["name"].default
    return name
