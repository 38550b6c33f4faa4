from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from integrations.sources.expressions import Expression

FIELDS = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(FIELDS, min_size=1, max_size=3).map(".".join)
CHAINS = st.lists(PATHS, min_size=1, max_size=4).map(" || ".join)
LEAVES: st.SearchStrategy[object] = st.sampled_from([None, True, False, 0, 1, "", "x", [], {}, [1]])
OBJECTS = st.recursive(LEAVES, lambda inner: st.dictionaries(FIELDS, inner, max_size=3), max_leaves=12)


@given(chain=CHAINS, value=OBJECTS)
def test_a_chain_of_fields_gives_what_jmespath_gives(chain: str, value: object) -> None:
    found, expected = Expression(chain).search(value), jmespath.search(chain, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("event.name", "Disk full"),
        ('"event-name" || event.name', "Disk full"),
        ("'Always this'", "Always this"),
        ("hosts[0]", "db-1"),
        ("join(' on ', [event.name, hosts[1]])", "Disk full on db-2"),
        ("event.level == 'crit' && 'critical' || 'warning'", "critical"),
        ("hosts[?@ == 'db-2'] | [0]", "db-2"),
        ("missing", None),
        ("event.name.deeper", None),
        ("join(' ', missing)", None),
        ("to_number(event.name)", None),
        ('sort(hosts[].x || `[1, "a"]`)', None),
        ("hosts[::0]", None),
        ("abs(event)", None),
    ],
)
def test_an_expression_picks_its_field_or_nothing(text: str, found: object) -> None:
    assert (
        Expression(text).search({"event": {"name": "Disk full", "level": "crit"}, "hosts": ["db-1", "db-2"]}) == found
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("event.", "is not a JMESPath expression"),
        ("", "is not a JMESPath expression"),
        ("a || ", "is not a JMESPath expression"),
        ("a b", "is not a JMESPath expression"),
        ("nope(a)", "Unknown function: nope()"),
        ("a && nope(a)", "Unknown function: nope()"),
        ("a.b[?nope(c)]", "Unknown function: nope()"),
        ("join(a)", "Expected 2 arguments"),
    ],
)
def test_a_wrong_expression_is_refused_when_the_configuration_is_read(text: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Expression).validate_python(text)
    (error,) = caught.value.errors()
    assert reason in error["msg"]
    assert repr(text) in error["msg"]
    assert "\n" not in error["msg"]


def test_an_expression_survives_the_way_through_json_and_is_described_as_text() -> None:
    class Holder(BaseModel):
        title: Expression = Expression("a || b")

    stored = Holder().model_dump_json()
    assert stored == '{"title":"a || b"}'
    assert Holder.model_validate_json(stored) == Holder()
    assert Holder.model_json_schema()["properties"]["title"]["type"] == "string"


@pytest.mark.parametrize(
    ("text", "place", "names"),
    [
        ("title", ".title", {"title"}),
        ("event.name || title || message", ".event.name", {"title", "message"}),
        ("join('', a)", ".join('', a)", set()),
    ],
)
def test_an_expression_says_where_it_looks(text: str, place: str, names: set[str]) -> None:
    assert Expression(text).place == place
    assert set(Expression(text).names) == names
