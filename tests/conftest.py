"""What every test can ask for: an empty, migrated database of each kind, and settings that no machine leaks into."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

if TYPE_CHECKING:
    from tests.databases import PostgresDatabases

# Deadlines measure the machine, which other workers keep busy.
settings.register_profile("tocsin", deadline=None, print_blob=True)
settings.load_profile("tocsin")

# Ten thousand tests and what they import are kept to the end: to look through them for garbage as often as Python does
# by itself takes a seventh of the whole run.
gc.set_threshold(20_000, 10, 50)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("TOCSIN_", "SLACK_")) and name != "TOCSIN_TEST_POSTGRES_URL":
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _tracebacks_are_plain() -> None:
    """As the engine prints them. structlog by itself adds the values of all variables, which takes seconds for each."""
    *others, _ = structlog.get_config()["processors"]
    printer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, printer])


# What the fixtures of databases import takes longer than all tests of the core, which need none: hence the noqa's.


@pytest.fixture(scope="session")
def _statements_are_compiled_once() -> None:
    from tests.statements import compile_once  # noqa: PLC0415

    compile_once()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory, _statements_are_compiled_once: None) -> Path:
    from engine.db.migrate import upgrade  # noqa: PLC0415
    from tests.databases import sqlite_template  # noqa: PLC0415

    return sqlite_template(tmp_path_factory.mktemp("sqlite"), upgrade)


@pytest.fixture(scope="session")
def _postgres(_statements_are_compiled_once: None) -> Iterator[PostgresDatabases]:
    from tests.databases import PostgresDatabases  # noqa: PLC0415
    from tests.postgres import postgres_server  # noqa: PLC0415

    with postgres_server() as server, PostgresDatabases(server) as databases:
        yield databases


@pytest.fixture(scope="session")
def _postgres_template(_postgres: PostgresDatabases) -> Iterator[str]:
    from engine.db.migrate import upgrade  # noqa: PLC0415

    with _postgres.template(upgrade) as name:
        yield name


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated database in a file of its own."""
    from tests.databases import sqlite_copy  # noqa: PLC0415

    return sqlite_copy(_sqlite_template, tmp_path)


@pytest.fixture
def postgresql_url(_postgres: PostgresDatabases, _postgres_template: str) -> Iterator[str]:
    """A fresh, migrated database on a PostgreSQL server."""
    with _postgres.copy(_postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
