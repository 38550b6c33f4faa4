"""What every source in the registry promises, the next one too."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus
from engine.core.policy import SecretRef
from engine.ports import Parsed, Referring, Request, Source
from integrations import sources
from integrations.registry import SOURCES
from integrations.sources.signatures import with_secrets
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

SECRET = "correct-horse-battery-staple"
NAMES = sorted(SOURCES)
JSON_NAMES = [name for name in NAMES if SOURCES[name].example.startswith((b"{", b"["))]
PAGES = Path(sources.__file__).parent
ODD_VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, "", " ", "\x00", "\x1b[31m", "\u202e", "0001-01-01T00:00:00Z", "x" * 20_000),
    *([], {}, [[]], [None], {"": ""}, {"\x00": "\x00"}, ["x"] * 200, {f"name{n}": n for n in range(300)}),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES[request.param]


@pytest.fixture(params=JSON_NAMES)
def json_source(request: pytest.FixtureRequest) -> Source:
    return SOURCES[request.param]


def configured(source: Source, **values: object) -> BaseModel:
    return source.settings.model_validate(values)


def sent(source: Source, body: object, **proof: str) -> Request:
    plain = request(body, **proof)
    return Request(headers={**source.example_headers, **plain.headers}, body=plain.body)


def parse(source: Source, body: object) -> Parsed:
    return source.parse(configured(source), sent(source, body), NOW)


def read(source: Source, body: object) -> tuple[Alert, ...]:
    return parse(source, body).alerts


def tolerate(source: Source, body: object) -> None:
    """Alerts that are fit for use, a note why there are none, or a refusal that says where; nothing else."""
    try:
        parsed = parse(source, body)
    except Unreadable as error:
        assert_says_where(error)
    else:
        assert parsed.alerts or parsed.note
        for alert in parsed.alerts:
            assert_fit_for_use(alert)


def assert_says_where(error: Unreadable) -> None:
    assert error.path.startswith("$")
    assert error.reason


def test_a_source_is_registered_under_its_own_name() -> None:
    assert {name: source.name for name, source in SOURCES.items()} == {name: name for name in NAMES}


def test_the_example_is_one_firing_alert_without_a_fault(source: Source) -> None:
    parsed = parse(source, source.example)
    assert (parsed.faults, parsed.note) == ((), "")
    (alert,) = parsed.alerts
    assert_fit_for_use(alert)
    assert alert.status is AlertStatus.FIRING
    assert "checkout" in f"{alert.title} {alert.service}".lower()
    assert alert.labels["severity"] == "critical"
    assert alert.starts_at is None or alert.starts_at.year == 2026
    assert alert.links


def test_firing_and_resolved_are_the_same_problem(source: Source) -> None:
    (firing,) = read(source, source.example)
    (resolved,) = read(source, source.example_resolved)
    assert_fit_for_use(resolved)
    assert resolved.status is AlertStatus.RESOLVED
    assert (resolved.fingerprint, resolved.group, resolved.service) == (
        firing.fingerprint,
        firing.group,
        firing.service,
    )


def test_the_order_of_keys_does_not_matter(json_source: Source) -> None:
    for body in (json_source.example, json_source.example_resolved):
        tree = json.loads(body)
        assert read(json_source, upside_down(tree)) == read(json_source, tree)


@pytest.mark.parametrize("name", ["alertmanager", "generic"])
def test_nor_does_it_for_the_fingerprint_of_what_comes_without_one(name: str) -> None:
    tree = without_fingerprint(json.loads(SOURCES[name].example))
    assert read(SOURCES[name], upside_down(tree)) == read(SOURCES[name], tree)


def without_fingerprint(value: Any) -> Any:
    if isinstance(value, list):
        return [without_fingerprint(item) for item in value]
    if isinstance(value, dict):
        return {name: without_fingerprint(item) for name, item in value.items() if name != "fingerprint"}
    return value


def upside_down(value: Any) -> Any:
    if isinstance(value, list):
        return [upside_down(item) for item in value]
    if isinstance(value, dict):
        return {name: upside_down(value[name]) for name in reversed(value)}
    return value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: Input data was truncated"),
        (b"alert!", "not JSON"),
        (b'{"title": NaN}', "not JSON"),
        (b'{"title": "x", "alerts": [{"value": Infinity}]}', "not JSON"),
        (b'{"title": "raw \x00 byte"}', "not JSON"),
        ('{"title": "x"}'.encode("utf-16"), "not JSON"),
        (b'{"alerts": [{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1e999", "out of range"),
        (b"9" * 5_000, "out of range"),
        (b"[]", ""),
        (b"{}", ""),
        (b"null", ""),
        (b'"firing"', ""),
        (b"3", ""),
    ],
)
def test_a_body_that_is_nothing_is_refused_with_a_path_and_a_reason(
    json_source: Source, body: bytes, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read(json_source, body)
    assert caught.value.path.startswith("$")
    assert reason in caught.value.reason


def test_a_body_cut_off_anywhere_is_refused(json_source: Source) -> None:
    for length in range(0, len(json_source.example) - 1, 7):
        with pytest.raises(Unreadable, match="not JSON"):
            read(json_source, json_source.example[:length])


def test_text_that_is_not_utf_8_is_refused(json_source: Source) -> None:
    with pytest.raises(Unreadable, match="not UTF-8"):
        read(json_source, json_source.example.replace(b"checkout", b"caf\xe9", 3))


def test_a_byte_order_mark_is_no_obstacle(json_source: Source) -> None:
    assert read(json_source, b"\xef\xbb\xbf" + json_source.example) == read(json_source, json_source.example)


@pytest.mark.parametrize("name", ["alertmanager", "generic"])
def test_what_no_database_can_hold_is_replaced_and_the_alert_is_kept(name: str) -> None:
    source = SOURCES[name]
    hostile = source.example.replace(b'"critical"', rb'"crit\u0000ical \ud800 \udc00x \u001b[2J \ud83d\ude00 \\ud800"')
    (alert,) = read(source, hostile)
    assert_fit_for_use(alert)
    assert alert.labels["severity"] == "crit\ufffdical \ufffd \ufffdx \ufffd[2J \U0001f600 \\ud800"


def test_nor_does_it_matter_in_which_text_it_stands(json_source: Source) -> None:
    tree = json.loads(json_source.example)
    for container, key in [spot for spot in every_spot(tree) if isinstance(spot[0][spot[1]], str)]:
        kept = container[key]
        container[key] = f"{kept}\x00\x1b[2J"
        tolerate(json_source, json.dumps(tree).encode())
        container[key] = kept


def test_no_depth_of_nesting_brings_it_down(json_source: Source) -> None:
    for depth in (*range(10, 900, 90), *range(900, 1_000, 5)):
        nest = b"[" * depth + b"]" * depth
        tolerate(json_source, nest)
        for name in keys(json_source.example):
            tolerate(json_source, json_source.example.replace(name, name + b": " + nest + b', "other"', 1))


@pytest.mark.parametrize("digits", [20, 309, 400, 4_000, 4_299, 4_300, 4_301, 20_000])
def test_no_length_of_a_number_brings_it_down(digits: int) -> None:
    for json_source in (SOURCES[name] for name in JSON_NAMES):
        for number in (b"9" * digits, b"-" + b"9" * digits, b"[0." + b"9" * digits + b"]", b"[" + b"9" * digits + b"]"):
            for name in keys(json_source.example):
                tolerate(json_source, json_source.example.replace(name, name + b": " + number + b', "other"', 1))


def keys(example: bytes) -> list[bytes]:
    """Every key in it, quotation marks included."""
    return sorted(set(re.findall(rb'"\w+"(?=:)', example)))


def mutated_bytes(rng: random.Random, body: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(body)) for _ in range(2))
    junk = rng.choice([b"", rng.randbytes(4), b"\x00", b'"', b"}", b"\\ud800", body[start:end]])
    return body[:start] + junk + body[rng.choice([start, start + 1, end]) :]


def mutated_structure(rng: random.Random, body: bytes) -> bytes:
    if not body.startswith((b"{", b"[")):
        return mutated_bytes(rng, mutated_bytes(rng, body))
    tree = json.loads(body)
    spots = list(every_spot(tree))
    for container, key in rng.sample(spots, k=min(3, len(spots))):
        odd = rng.choice(ODD_VALUES)
        container[key] = rng.choice([odd, odd, [container[key]], {"value": container[key]}])
    return json.dumps(tree).encode()


def every_spot(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from every_spot(value[key])


@pytest.mark.parametrize("mutate", [mutated_bytes, mutated_structure])
def test_a_hundred_mutations_of_the_example_raise_nothing_but_unreadable(
    source: Source, mutate: Callable[[random.Random, bytes], bytes]
) -> None:
    rng = random.Random(f"{source.name} {mutate.__name__}")  # noqa: S311 - repeatable on purpose
    for _ in range(100):
        tolerate(source, mutate(rng, source.example))


# To draw a body takes longer than twenty sources take to read it.


@settings(max_examples=100)
@given(body=JSON_VALUES)
def test_any_json_is_read_or_refused(body: object) -> None:
    for name in NAMES:
        tolerate(SOURCES[name], body)


@settings(max_examples=100)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for name in NAMES:
        tolerate(SOURCES[name], body)


@settings(max_examples=100)
@given(chance=st.integers(0, 2**32), odd=JSON_VALUES)
def test_any_json_in_any_place_of_the_example_is_read_or_refused(chance: int, odd: object) -> None:
    for name in JSON_NAMES:
        tree = json.loads(SOURCES[name].example)
        spots = list(every_spot(tree))
        container, key = spots[chance % len(spots)]
        container[key] = odd
        tolerate(SOURCES[name], tree)


def test_its_page_tells_how_to_connect_it(source: Source) -> None:
    page = (PAGES / f"{source.name}.md").read_text()
    assert page.startswith(f"# {source.title}\n")
    assert f"/webhooks/{source.name}/YOUR-KEY" in page
    for name in source.settings.model_fields:
        assert f"`{name}`" in page


def secret_fields(source: Source) -> list[str]:
    return [name for name, field in source.settings.model_fields.items() if "SecretStr" in str(field.annotation)]


SHARING = [source for source in SOURCES.values() if secret_fields(source)]
SIGNED = [source for source in SOURCES.values() if isinstance(source, Referring)]
"""By the vendor's own key, with no secret that is shared."""


def by_name(source: Source) -> str:
    return source.name


PROOFS = [
    {},
    {"authorization": "Bearer wrong", "x_hub_signature_256": "sha256=" + 64 * "0"},
    {"authorization": "Bearer", "x_hub_signature_256": "sha256="},
    {"authorization": "Basic d3Jvbmc=", "x_hub_signature_256": "é\udcff"},
]


@pytest.mark.parametrize("source", [*SHARING, *SIGNED], ids=by_name)
@pytest.mark.parametrize("proof", PROOFS)
def test_without_the_right_proof_it_is_unauthorized_and_no_text_tells_the_secret(
    source: Source, proof: dict[str, str]
) -> None:
    settings = configured(source, **dict.fromkeys(secret_fields(source), SECRET))
    with pytest.raises(Unauthorized) as caught:
        source.verify(settings, sent(source, source.example, **proof), NOW)
    assert SECRET not in f"{caught.value!s} {caught.value!r} {settings!r}"
    assert "wrong" not in str(caught.value)


def test_without_a_secret_the_address_is_enough_unless_the_vendor_signs(source: Source) -> None:
    if source in SIGNED:
        with pytest.raises(Unauthorized):
            source.verify(configured(source), sent(source, source.example), NOW)
    else:
        source.verify(configured(source), sent(source, source.example), NOW)


@pytest.mark.parametrize("source", SHARING, ids=by_name)
@pytest.mark.parametrize("found", [None, SecretStr("")])
def test_a_secret_that_cannot_be_read_lets_no_one_in(source: Source, found: SecretStr | None) -> None:
    references = configured(source, **dict.fromkeys(secret_fields(source), SecretRef(env="NOT_SET")))
    settings = with_secrets(references, lambda _: found)
    for proof in ({}, {"authorization": "Bearer ", "x_hub_signature_256": ""}):
        with pytest.raises(Unauthorized):
            source.verify(settings, sent(source, source.example, **proof), NOW)


@pytest.mark.parametrize("source", SHARING, ids=by_name)
def test_a_wrong_setting_is_refused_without_telling_the_secret(source: Source) -> None:
    secrets = {name: [SECRET] for name in secret_fields(source)}
    with pytest.raises(ValueError, match=source.settings.__name__) as caught:
        configured(source, **secrets)
    assert SECRET not in str(caught.value)
