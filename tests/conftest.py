"""What every test can ask for: an empty, migrated database of each kind, and settings that no machine leaks into."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.db.migrate import upgrade
from tests.databases import PostgresDatabases, sqlite_copy, sqlite_template
from tests.postgres import postgres_server

# Deadlines measure the machine, which other workers keep busy.
settings.register_profile("tocsin", deadline=None, print_blob=True)
settings.load_profile("tocsin")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("TOCSIN_", "SLACK_")) and name != "TOCSIN_TEST_POSTGRES_URL":
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("sqlite"), upgrade)


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresDatabases]:
    with postgres_server() as server, PostgresDatabases(server) as databases:
        yield databases


@pytest.fixture(scope="session")
def _postgres_template(_postgres: PostgresDatabases) -> Iterator[str]:
    with _postgres.template(upgrade) as name:
        yield name


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated database in a file of its own."""
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
