import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog
from pydantic import BaseModel, SecretStr

from engine.log import Redactor, set_up

SECRET = "s3cr3t-Ünïque/val+ue"


class Logged:
    """A process whose log is caught: `shown` is all that it wrote, `read` the same without JSON's escapes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.stream = io.StringIO()
        self.redactor = set_up(as_json=as_json, stream=self.stream)
        self.log = structlog.get_logger(f"tests.{id(self)}")

    @property
    def shown(self) -> str:
        return self.stream.getvalue()

    @property
    def read(self) -> str:
        return json.dumps(self.events(), ensure_ascii=False) if self.as_json else self.shown

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.shown.splitlines()]


@pytest.fixture(autouse=True)
def _logging_of_the_test_run_comes_back() -> Iterator[None]:
    handlers, level, ours = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**ours)


@pytest.fixture(params=[True, False], ids=["json", "console"])
def logged(request: pytest.FixtureRequest) -> Logged:
    return Logged(as_json=request.param)


@pytest.fixture
def as_json() -> Logged:
    return Logged(as_json=True)


class Settings(BaseModel):
    password: str


@dataclass
class Account:
    api_key: str


def log_in_context(at: Logged) -> None:
    with structlog.contextvars.bound_contextvars(signature=SECRET):
        at.log.info("x")


Write = Callable[[Logged], object]

BY_NAME: dict[str, Write] = {
    "token": lambda at: at.log.info("x", token=SECRET),
    "constant style": lambda at: at.log.info("x", SLACK_BOT_TOKEN=SECRET),
    "camel case": lambda at: at.log.info("x", apiKey=SECRET),
    "header": lambda at: at.log.info("x", headers={"Authorization": f"Bearer {SECRET}", "X-Slack-Signature": SECRET}),
    "header pairs": lambda at: at.log.info("x", headers=[(b"cookie", SECRET.encode()), ("authorization", SECRET)]),
    "nested": lambda at: at.log.info("x", sent=[{"deep": {"password": SECRET}}]),
    "a number's worth of secrets": lambda at: at.log.info("x", secrets=[SECRET, SECRET]),
    "bound": lambda at: at.log.bind(key=SECRET).info("x"),
    "context": log_in_context,
    "secret type": lambda at: at.log.info("x", what=SecretStr(SECRET)),
    "model": lambda at: at.log.info("x", what=Settings(password=SECRET)),
    "dataclass": lambda at: at.log.info("x", what=Account(api_key=SECRET)),
    "printed mapping": lambda at: at.log.info("x", what=f"sent {{'api_key': {SECRET!r}}}"),
    "printed JSON": lambda at: logging.getLogger("slack_sdk").warning("sent %s", json.dumps({"token": SECRET})),
}

BY_LOOKS: dict[str, Write] = {
    "address": lambda at: at.log.info("x", url=f"postgresql://tocsin:{SECRET.replace('/', '%2F')}@db/tocsin"),
    "address in a message": lambda at: logging.getLogger("sqlalchemy").error("no smtp://u:s3cr3t-p@ss@mail:25 here"),
    "parameter": lambda at: at.log.info("x", url="https://voice.example.com/call?to=1&token=s3cr3t-abc"),
    "bearer": lambda at: at.log.info("x", text="sent Bearer s3cr3t-abcdefghijklmnop== to them"),
    "basic": lambda at: at.log.info("x", text="authorization: Basic s3cr3t-abc="),
    "Slack token": lambda at: at.log.info("x", text="refused xoxb-s3cr3t-1234567890-abc"),
    "Slack webhook": lambda at: at.log.info("x", text="https://hooks.slack.com/services/T0/B0/s3cr3t-abc"),
    "our webhook": lambda at: logging.getLogger("uvicorn").info('"%s %s"', "POST", "/webhooks/generic/s3cr3t-abc?a=b"),
}


def log_failure(log: Callable[..., object]) -> None:
    try:
        int(SECRET)
    except ValueError:
        log("x", exc_info=True)


BY_KNOWLEDGE: dict[str, Write] = {
    "event": lambda at: at.log.info(SECRET),
    "harmless name": lambda at: at.log.info("x", reason=f"it is {SECRET}"),
    "name": lambda at: at.log.info("x", **{SECRET: 1}),
    "bytes": lambda at: at.log.info("x", body=SECRET.encode()),
    "object": lambda at: at.log.info("x", error=ValueError(SECRET)),
    "in an address": lambda at: at.log.info("x", url="https://a.example/s3cr3t-%C3%9Cn%C3%AFque%2Fval%2Bue/b"),
    "in JSON": lambda at: at.log.info("x", body=json.dumps([SECRET])),
    "others' message": lambda at: logging.getLogger("uvicorn.error").error("it is %s", SECRET),
    "others' lazy arguments": lambda at: logging.getLogger("sqlalchemy").error("%(p)s", {"p": SECRET}),
    "warning": lambda at: warnings.warn_explicit(SECRET, UserWarning, "here.py", 1),
    "traceback": lambda at: log_failure(at.log.error),
    "others' traceback": lambda at: log_failure(logging.getLogger("slack_bolt").error),
}


def shows_secret(shown: str) -> bool:
    return "s3cr3t" in shown


@pytest.mark.parametrize("write", [*BY_NAME.values(), *BY_LOOKS.values()], ids=[*BY_NAME, *BY_LOOKS])
def test_a_secret_nobody_told_the_log_about_does_not_get_through(logged: Logged, write: Write) -> None:
    write(logged)
    assert "•••" in logged.read
    assert not shows_secret(logged.shown)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("write", BY_KNOWLEDGE.values(), ids=BY_KNOWLEDGE)
def test_a_known_secret_does_not_get_through_anywhere(logged: Logged, write: Write) -> None:
    logged.redactor.hide({SECRET})
    write(logged)
    assert "•••" in logged.read
    assert not shows_secret(logged.shown)


def test_secrets_are_learnt_in_any_order_and_a_longer_one_leaves_nothing_over(logged: Logged) -> None:
    logged.redactor.hide([SecretStr("s3cr3t"), None, ""])
    logged.redactor.hide({"s3cr3t-longer"})
    logged.log.info("it is s3cr3t-longer, not s3cr3t")
    assert "it is •••, not •••" in logged.read


def test_a_traceback_is_written_without_the_values_of_variables(logged: Logged) -> None:
    def deliver(password: str) -> None:
        raise RuntimeError(f"refused after {len(password)} characters")

    try:
        deliver(SECRET)
    except RuntimeError:
        logged.log.exception("page.failed")
    assert "refused after 20 characters" in logged.shown
    assert "in deliver" in logged.shown
    assert not shows_secret(logged.shown)


class Unprintable:
    def __str__(self) -> str:
        raise ValueError(SECRET)


def test_an_event_that_cannot_be_written_is_not_printed_raw(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    logged.log.info("x", password=SECRET, what=Unprintable())
    assert logged.shown == ""
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["incident_key", "timer_key", "token_name", "title", "status", "secret_file"])
def test_what_only_sounds_like_a_secret_is_written(logged: Logged, name: str) -> None:
    logged.log.info("x", **{name: "shown-value"})
    assert "shown-value" in logged.shown


def test_json_mode_writes_one_object_with_level_logger_and_utc_time(as_json: Logged) -> None:
    as_json.log.warning("page.failed", incident="INC-42", attempt=2, after_s=1.5, last=None, permanent=False)
    [event] = as_json.events()
    assert str(event.pop("timestamp")).endswith("Z")
    assert str(event.pop("logger")).startswith("tests.")
    assert event == {
        "event": "page.failed",
        "level": "warning",
        "incident": "INC-42",
        "attempt": 2,
        "after_s": 1.5,
        "last": None,
        "permanent": False,
    }


def test_json_mode_writes_json_whatever_is_logged(as_json: Logged) -> None:
    loop: list[object] = []
    loop.append(loop)
    as_json.log.info("x", nan=float("nan"), who=object, some={1, 2}, loop=loop, half="\ud800", at=SecretStr)
    [event] = as_json.events()
    assert event["nan"] == "nan"
    assert event["half"] == "\\ud800"


def test_others_log_lines_come_out_in_the_same_form(as_json: Logged) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    [event] = as_json.events()
    assert (event["event"], event["logger"], event["level"]) == ("Started server process [7]", "uvicorn.error", "info")


def test_chatter_of_libraries_stays_out_and_their_warnings_come_in(logged: Logged) -> None:
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    logging.getLogger("uvicorn.access").info("GET /readyz")
    assert logged.shown == ""
    logging.getLogger("sqlalchemy.pool").warning("pool is exhausted")
    assert "pool is exhausted" in logged.shown


def test_an_alert_can_neither_forge_a_line_nor_move_the_cursor(logged: Logged) -> None:
    logged.log.info("alert.joined", title="ok\n2026-01-01 [info] incident.closed \x1b[2J\u202e\r")
    assert len(logged.shown.splitlines()) == 1
    assert "\x1b" not in logged.shown
    assert "\u202e" not in logged.shown


def test_setting_up_twice_writes_each_event_once(logged: Logged) -> None:
    again = Logged(as_json=logged.as_json)
    again.log.info("once")
    assert again.shown.count("once") == 1
    assert logged.shown == ""


def test_events_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    set_up(as_json=True, level="warning", stream=stream)
    structlog.get_logger("tests.level").info("x")
    assert stream.getvalue() == ""


def test_redaction_leaves_the_event_of_the_caller_alone() -> None:
    event = {"event": "x", "token": SECRET, "d": {"password": SECRET}}
    assert Redactor()(None, "info", event) == {"event": "x", "token": "•••", "d": {"password": "•••"}}
    assert event["d"] == {"password": SECRET}
