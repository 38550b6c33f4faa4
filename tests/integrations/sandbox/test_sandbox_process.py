"""The sandboxes in a process of their own."""

import asyncio
import json
import signal
import sys

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient


async def test_it_prints_its_addresses_serves_and_ends_when_told_to() -> None:
    arguments = ("-m", "integrations.sandbox", "--user", "U1:dana:dana@example.com", "--channel", "C1:ops")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        addresses = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        client = AsyncWebClient(token="xoxb-sandbox", base_url=addresses["slack_api_url"])
        before = asyncio.get_running_loop().time()
        await client.chat_postMessage(channel="U1", text="P0")
        after = asyncio.get_running_loop().time()

        async with aiohttp.ClientSession() as reader, reader.get(addresses["record_url"]) as answer:
            (message,) = (await answer.json())["messages"]
        assert (message["user"], message["text"]) == ("U1", "P0")
        assert before <= message["monotonic"] <= after
        assert addresses["smtp_url"].startswith("smtp://127.0.0.1:")
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
