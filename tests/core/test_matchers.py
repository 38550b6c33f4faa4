import copy
import json
import pickle
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engine.core.matchers import PLAIN, Matcher, Operator, RouteMatcher, all_match

LABELS = {"severity": "critical", "job": "api", "path": r"C:\tmp", "said": 'a "word"', "lines": "one\ntwo"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('severity="critical"', True),
        ("severity=critical", True),
        ('  severity = "critical"  ', True),
        ("severity=  critical  ", True),
        ('severity="Critical"', False),
        ('severity!="critical"', False),
        ('severity!="warning"', True),
        ('severity=~"crit.*"', True),
        ('severity=~"crit"', False),
        ('severity=~"warning|critical"', True),
        ('severity!~"crit.*"', False),
        ('severity!~"crit"', True),
        ('team=""', True),
        ("team=", True),
        ('team!=""', False),
        ('team=~".*"', True),
        ('team=~".+"', False),
        ('team!="web"', True),
        (r'path="C:\\tmp"', True),
        (r'path="C:\tmp"', True),
        (r'path=~"C:\\\\\w+"', True),
        (r'job=~"\w+"', True),
        (r'job=~"a\\wi"', True),
        (r'said="a \"word\""', True),
        (r'lines="one\ntwo"', True),
        ('lines=~"one.two"', False),
        ('lines=~"(?s)one.two"', True),
    ],
)
def test_a_matcher_reads_as_in_alertmanager(text: str, *, matches: bool) -> None:
    assert Matcher.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text",
    ["", "severity", "=x", '"severity"="x"', 'severity="x', 'severity=x"', 'severity="a"b"', "severity=~", "1a=b"],
)
def test_what_is_no_matcher_is_refused_with_an_example(text: str) -> None:
    if text == "severity=~":
        assert Matcher.parse(text).matches({})
        return
    with pytest.raises(ValueError, match=r'is not a matcher; write it like severity="critical" or job=~"api\|web"'):
        Matcher.parse(text)


@pytest.mark.parametrize("pattern", ["(", "*", "[z-a]", "a{99999999999}", "(" * 5000, "(?P<x>a)(?P<x>b)"])
def test_a_faulty_regular_expression_is_refused_with_its_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match="has a faulty regular expression: "):
        Matcher.parse(f'job=~"{pattern}"')


@given(st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]), st.text())
def test_the_text_of_any_matcher_reads_back_as_the_same_matcher(operator: Operator, value: str) -> None:
    matcher = Matcher("label", operator, value)
    again = Matcher.parse(str(matcher))
    assert again == matcher
    assert (again.name, again.operator, again.value) == ("label", operator, value)


@pytest.mark.parametrize("value", [r"\d+\.\d", r"a\"b", 'a"b', r"\\", r"\n", "x|y", r"[\w-]+"])
def test_the_text_of_a_regular_expression_reads_back_as_the_same_matcher(value: str) -> None:
    matcher = Matcher("label", Operator.MATCHES, value)
    assert Matcher.parse(str(matcher)).value == value


def test_equal_matchers_are_one_in_a_set_and_survive_copying() -> None:
    matcher = Matcher.parse('job=~"api|web"')
    assert len({matcher, Matcher.parse("job =~ api|web")}) == 1
    assert matcher != Matcher.parse('job="api|web"')
    assert matcher != 'job=~"api|web"'
    assert copy.deepcopy(matcher) == pickle.loads(pickle.dumps(matcher)) == matcher  # noqa: S301 - our own bytes


def test_pydantic_reads_matchers_from_text_and_writes_them_as_text() -> None:
    adapter = TypeAdapter(Matcher)
    matcher = adapter.validate_python('job="api"')
    assert adapter.validate_python(matcher) is matcher
    assert adapter.validate_json(adapter.dump_json(matcher)) == matcher
    assert adapter.json_schema()["type"] == "string"
    with pytest.raises(ValidationError, match="is not a matcher"):
        adapter.validate_python("job")


def test_all_have_to_match_and_none_at_all_matches_everything() -> None:
    severity, job, other = (Matcher.parse(text) for text in ("severity=critical", "job=api", "job=web"))
    assert all_match((severity, job), LABELS)
    assert not all_match((severity, other), LABELS)
    assert all_match((), LABELS)


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ('job="api"', ("api",), ("api",)),
        ('job="a|b"', ("a|b",), ("a|b",)),
        ('job!="api"', ("api",), None),
        ('job=~"api"', ("api",), ("api",)),
        ('job=~"api|web|api"', ("api", "web"), ("api", "web")),
        ('job=~"|api"', ("", "api"), ("", "api")),
        ('job!~"api|web"', ("api", "web"), None),
        ('job=~"web-1.example"', None, None),
        ('job=~"api|web.*"', None, None),
        (r'job=~"a\\|b"', None, None),
        ('job=~"(api)"', None, None),
    ],
)
def test_a_matcher_tells_the_values_that_it_names(
    text: str, words: tuple[str, ...] | None, wanted: tuple[str, ...] | None
) -> None:
    matcher = Matcher.parse(text)
    assert (matcher.words, matcher.wanted) == (words, wanted)


WORDS = ["", "a", "ab", "a b", " a", "-", "~x=1;y,z:/@#%&_"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_pattern_of_words_matches_those_words_and_nothing_else(count: int) -> None:
    for words in product(WORDS, repeat=count):
        matcher = Matcher("job", Operator.MATCHES, "|".join(words))
        assert matcher.words == tuple(dict.fromkeys(words))
        for value in (*WORDS, "b", "A", "a\n", "aab", "|", "|".join(words)):
            assert matcher.takes(value) is (value in words)


def test_every_sign_that_stands_for_itself_matches_itself_and_nothing_else() -> None:
    every = [chr(number) for number in (*range(0x600), *range(0x600, sys.maxunicode, 397))]
    signs = [sign for sign in every if PLAIN.fullmatch(sign) and sign != "|"]
    assert len(signs) > 1000
    for own, others in ((signs[::2], signs[1::2]), (signs[1::2], signs[::2])):
        matcher = Matcher("job", Operator.MATCHES, "|".join(own))
        assert all(matcher.takes(sign) for sign in own)
        assert not any(matcher.takes(sign) for sign in others)


def test_only_a_route_can_ask_for_the_integration() -> None:
    matcher = RouteMatcher.parse(' @integration = "prom-eu"')
    assert (matcher.name, str(matcher)) == ("@integration", '@integration="prom-eu"')
    assert TypeAdapter(RouteMatcher).validate_json(f"{json.dumps(str(matcher))}") == matcher
    with pytest.raises(ValueError, match="asks for the integration, which only routes can; go by labels here"):
        Matcher.parse('@integration="prom-eu"')


@pytest.mark.parametrize(
    "text", ['@source="x"', '@="x"', '"@integration"="x"', '@integrations="x"', '@Integration="x"']
)
def test_there_is_no_other_name_that_is_no_label(text: str) -> None:
    with pytest.raises(ValueError, match=r'is not a matcher; write it like .* or @integration="alertmanager"'):
        RouteMatcher.parse(text)
