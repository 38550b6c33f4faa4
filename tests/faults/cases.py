"""What goes wrong outside of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.sandbox.mail import MailFailure
from integrations.sandbox.slack_faults import Failure
from tests.crash.world import World
from tests.faults.proxy import Cut, Wire

TIMES = 3
POST = "chat.postMessage"
SLOW = (Failure.HANGING, Failure.ACCEPTED_THEN_HANGING, MailFailure.HANGING)
"""Each costs a channel's whole timeout."""


@dataclass(frozen=True, kw_only=True)
class ProviderFault:
    """The next `TIMES` messages of one channel meet it; `other` is the channel that is to go on meanwhile."""

    failure: Failure | MailFailure

    @property
    def name(self) -> str:
        return f"{self.channel}: {self.failure.name.lower().replace('_', ' ')}"

    @property
    def channel(self) -> str:
        return "slack" if isinstance(self.failure, Failure) else "email"

    @property
    def other(self) -> str:
        return "email" if self.channel == "slack" else "slack"

    def strike(self, night: World) -> None:
        if isinstance(self.failure, Failure):
            night.around.slack.fail(self.failure, times=TIMES, method=POST)
        else:
            night.around.mail.fail(self.failure, times=TIMES)


@dataclass(frozen=True, kw_only=True)
class DatabaseFault:
    """`cut`: every third COMMIT; None: the server is away for a while, and comes back."""

    cut: Cut | None

    @property
    def name(self) -> str:
        return f"postgresql: cut {self.cut}" if self.cut else "postgresql: away and back"

    def strike(self, wire: Wire) -> None:
        if self.cut is None:
            wire.fall()
        else:
            wire.cut = self.cut


# A refusal for good goes to the next channel and person; tests/scenarios/test_delivery.py tells of that.
PROVIDER_FAULTS = tuple(
    ProviderFault(failure=failure)
    for failure in (*Failure, *MailFailure)
    if failure not in (Failure.REFUSED, MailFailure.PERMANENT)
)
DATABASE_FAULTS = tuple(DatabaseFault(cut=cut) for cut in (*Cut, None))
