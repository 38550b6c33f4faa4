"""Playbook versions: an incident keeps the playbook that it got, whatever becomes of the file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection

from engine.core.playbook import Playbook
from engine.db import records


@lru_cache(maxsize=256)
def read_document(document: str) -> Playbook:
    return Playbook.model_validate_json(document)


def keep(connection: Connection, playbooks: Iterable[Playbook]) -> None:
    """Stores the versions in force, so that incidents can refer to them."""
    for playbook in playbooks:
        records.keep_playbook(connection, playbook.version, playbook.model_dump_json())
