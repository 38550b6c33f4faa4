"""The application's HTTP face on a port, for as long as the block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def listening(api: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Yields the address. Port 0 takes a free one. Requests under way are answered before it ends."""
    config = uvicorn.Config(api, host=host, port=port, log_config=None, lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    task = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        yield f"http://{host}:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        socket.close()
