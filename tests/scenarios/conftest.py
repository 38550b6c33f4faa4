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


@pytest.fixture(params=[False, True], ids=["http", "socket"])
async def scene(request: pytest.FixtureRequest, open_stage: OpenStage) -> AsyncIterator[Stage]:
    """The same, once with Slack over HTTP and once over Socket Mode."""
    async with open_stage(over_socket=request.param) as found:
        yield found
