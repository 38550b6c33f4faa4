"""The quick look that passes most texts by never passes one that a pattern would have changed."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.secrecy import ASSIGNMENTS, PATTERNS, TRACES

PIECES = [
    "authorization",
    "Authorization",
    "BEARER ",
    "GenieKey ",
    "xoxb-",
    "xoxe.xoxp-",
    "xapp-1-",
    "https",
    "://",
    "user",
    ":",
    "@",
]
MORE = [
    ",",
    "=",
    "token",
    "password",
    "'",
    '"',
    "hooks.slack.com",
    "/",
    "webhooks",
    " ",
    "a1b2c3d4e5f6g7h8",
    "key",
    "b",
]


@given(st.lists(st.sampled_from([*PIECES, *MORE]) | st.text(max_size=3), max_size=12).map("".join))
def test_a_text_without_traces_matches_no_pattern(text: str) -> None:
    if not TRACES.search(text):
        assert not any(pattern.search(text) for pattern in (*ASSIGNMENTS, *(pattern for pattern, _ in PATTERNS)))
