"""In whose name a sender's wish is granted."""

from __future__ import annotations

import pytest

from engine.bootstrap import shipped_config
from engine.core.model import Actor, ActorKind, Role
from engine.core.policy import Config
from engine.services.wishes import acting

SENDER = Actor(kind=ActorKind.SOURCE, id="genie", name="Opsgenie", via="opsgenie")
AS_SENDER = "source:genie via opsgenie"


def twins() -> Config:
    """Two contacts of one name."""
    config = shipped_config()
    lead = config.contacts["ops-lead"]
    senior = config.contacts["ops-senior"].model_copy(update={"name": lead.name})
    return config.model_copy(update={"contacts": {**config.contacts, "ops-senior": senior}})


NAMED = [
    ("", AS_SENDER),
    ("ops-lead", "person:ops-lead via source:genie"),
    ("Ops-Lead@Example.com", "person:ops-lead via source:genie"),
    ("U0EXAMPLE02", "person:ops-senior via source:genie"),
    ("ann@elsewhere.example", f"{AS_SENDER} for ann@elsewhere.example"),
    ("cloud-support", f"{AS_SENDER} for cloud-support"),
]


@pytest.mark.parametrize(("by", "actor"), NAMED)
def test_who_is_named_acts_where_it_is_a_contact_that_may(by: str, actor: str) -> None:
    found = acting(shipped_config(), SENDER, by)
    assert (str(found), found.role) == (actor, Role.RESPONDER)


def test_a_name_that_two_contacts_have_is_nobodys() -> None:
    name = shipped_config().contacts["ops-lead"].name
    assert str(acting(twins(), SENDER, name)) == f"{AS_SENDER} for {name}"


def test_a_sender_never_acts_with_more_than_a_responders_rights() -> None:
    assert acting(shipped_config(), SENDER, "ops-lead").role is Role.RESPONDER
