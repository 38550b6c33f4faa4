"""What a failed send means for the page, in words for tables."""

from __future__ import annotations

import pytest

from engine.core.errors import DeliveryError
from engine.ports import Channel, Envelope

FINAL, AGAIN, PERHAPS_ARRIVED = "final", "again", "perhaps arrived"


async def refusal(channel: Channel, envelope: Envelope) -> DeliveryError:
    """The error that the send ends with."""
    with pytest.raises(DeliveryError) as raised:
        await channel.send(envelope)
    return raised.value


def meaning(error: DeliveryError) -> str:
    assert not (error.permanent and error.ambiguous)
    if error.permanent:
        return FINAL
    return PERHAPS_ARRIVED if error.ambiguous else AGAIN
