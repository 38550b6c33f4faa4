"""A fresh database for every test, on both kinds: the schema is built once, and each test works on a copy of it."""

import asyncio
import itertools
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import asyncpg

Migrate = Callable[[str], None]

# A database whose mark no connection bears as its application name was left by a killed run.
_LEFT_BEHIND = """
SELECT datname FROM pg_database
WHERE datname ~ '^tocsin_test_[0-9a-f]{8}_'
  AND substring(datname FOR 20) NOT IN (SELECT application_name FROM pg_stat_activity)
"""
_ONE_SWEEP_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('tocsin_test'))"
_SWEPT = "SELECT pg_advisory_unlock(hashtext('tocsin_test'))"


class PostgresDatabases:
    """The databases of this process on one server, all under one mark: runs side by side leave each other alone."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._mark = f"tocsin_test_{secrets.token_hex(4)}"
        self._numbers = itertools.count()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._connection = self._runner.run(
            asyncpg.connect(server, database="postgres", server_settings={"application_name": self._mark})
        )

    def __enter__(self) -> Self:
        self._drop_left_behind()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    @contextmanager
    def template(self, migrate: Migrate) -> Iterator[str]:
        """The name of a migrated database that nobody can connect to, as a copy demands."""
        with self._database("template1") as name:
            migrate(self._address(name))
            self._execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
            yield name

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """The address of a copy, which is dropped afterwards whoever is still connected to it."""
        with self._database(template) as name:
            yield self._address(name)

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"{self._mark}_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            self._drop(name)

    def _drop_left_behind(self) -> None:
        self._execute(_ONE_SWEEP_AT_A_TIME)
        for row in self._runner.run(self._connection.fetch(_LEFT_BEHIND)):
            self._drop(row["datname"])
        self._execute(_SWEPT)

    def _drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        self._runner.run(self._connection.execute(statement))

    def _address(self, name: str) -> str:
        return urlsplit(self._server)._replace(path=f"/{name}").geturl()


def sqlite_template(folder: Path, migrate: Migrate) -> Path:
    """A migrated database in one file, nothing of it left in a write-ahead log beside it."""
    template = folder / "template.db"
    migrate(f"sqlite:///{template}")
    with closing(sqlite3.connect(template)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return template


def sqlite_copy(template: Path, folder: Path) -> str:
    """The address of a copy of the template in `folder`."""
    return f"sqlite:///{shutil.copyfile(template, folder / 'tocsin.db')}"
