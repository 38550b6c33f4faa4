"""One engine for each SQLite file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from engine.config.settings import Settings
from engine.core.errors import Refusal


@contextmanager
def sole_user(settings: Settings) -> Iterator[None]:
    """An SQLite file has one engine: a second one would take the first one's messages for left over. The lock ends with
    the process, however it ends. Raises Refusal where another process has it."""
    url = make_url(settings.database_url.get_secret_value())
    if url.get_backend_name() != "sqlite":
        yield
        return
    with Path(f"{url.database}.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read(20).strip() or "?"
            raise Refusal(
                "already_served",
                f"another engine (process {holder}) serves {url.database}; stop it, or give this one a data folder "
                "of its own (TOCSIN_DATA_DIR)",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
