from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage, stage

OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def open_stage(database_url: str, tmp_path: Path) -> OpenStage:
    """Opens the engine on a database of each kind, with what a test changes of the documented configuration."""
    return partial(stage, database_url, tmp_path)


@pytest.fixture
async def documented_stage(open_stage: OpenStage) -> AsyncIterator[Stage]:
    """The engine as it is documented, on a Saturday at 03:10."""
    async with open_stage() as found:
        yield found


@pytest.fixture(params=["sqlite-http", "postgresql-socket"])
def _between(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """The database, and whether Slack comes by Socket Mode. Neither knows of the other, so each is met once."""
    kind, way = request.param.split("-")
    return request.getfixturevalue(f"{kind}_url"), way == "socket"


@pytest.fixture
async def scene(_between: tuple[str, bool], tmp_path: Path) -> AsyncIterator[Stage]:
    """The engine as it is documented, between a database and a Slack of each kind."""
    database_url, over_socket = _between
    async with stage(database_url, tmp_path, over_socket=over_socket) as found:
        yield found
