"""Databases for runs: empty, migrated, each used once. SQLite files lie in memory where the machine has a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.db.migrate import upgrade
from tests.databases import PostgresDatabases, sqlite_copy, sqlite_template
from tests.postgres import postgres_server

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system, not a file
Place = Callable[[], AbstractContextManager[str]]


@contextmanager
def on_sqlite() -> Iterator[Place]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        template = sqlite_template(Path(folder), upgrade)

        @contextmanager
        def copy() -> Iterator[str]:
            with TemporaryDirectory(dir=folder) as own:
                yield sqlite_copy(template, Path(own))

        yield copy


@contextmanager
def on_postgresql() -> Iterator[Place]:
    with (
        postgres_server() as server,
        PostgresDatabases(server) as databases,
        databases.template(upgrade) as template,
    ):
        yield lambda: databases.copy(template)


PLACES = {"sqlite": on_sqlite, "postgresql": on_postgresql}
