"""The command line as a person meets it: arguments in, two streams and an exit code out."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.main import get_command
from typer.testing import CliRunner

from engine.cli.program import app


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """`environ` comes on top of the test's own environment."""

    def __init__(self, **environ: str) -> None:
        self._environ = environ

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> Ran:
        result = CliRunner().invoke(app, arguments, env=self._environ, input=stdin)
        return Ran(result.exit_code, result.stdout, result.stderr)

    def done(self, *arguments: str) -> Ran:
        ran = self(*arguments)
        assert ran.code == 0, ran.err
        return ran

    def opened(self, title: str = "Checkout is down", priority: str = "P0") -> str:
        """The reference of a new incident."""
        ref: str = self.done("incident", "open", "--title", title, "--priority", priority, "--json").json["id"]
        return ref


@pytest.fixture
def cli(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """On a migrated, empty database of its own, in a data folder of its own."""
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOCSIN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("TZ", "UTC")
    return Cli()


@pytest.fixture(scope="session", autouse=True)
def _commands_are_made_once() -> Iterator[None]:
    """The runner makes all of them again to run one, which takes as long as the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(autouse=True)
def _logging_of_the_test_run_comes_back() -> Iterator[None]:
    handlers, level, ours = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**ours)
