"""`tocsin webhooks`: the addresses that alerts and heartbeats are sent to."""

from __future__ import annotations

from collections.abc import Mapping

from engine.bootstrap import Application
from engine.cli.options import AsJson
from engine.cli.screen import note, show_json, table
from engine.cli.session import run


def webhooks(as_json: AsJson = False) -> None:
    """Each integration and each heartbeat with its full address. The last part of an address is a secret."""

    async def work(app: Application) -> tuple[Mapping[str, tuple[str, str]], Mapping[str, str], str]:
        return await app.keys.url_keys(), await app.keys.heartbeat_keys(), app.settings.base_url

    keys, heartbeat_keys, base = run(work)
    rows = [(name, source, webhook_address(base, source, key)) for name, (source, key) in keys.items()]
    beats = [(name, f"{base}/heartbeats/{key}") for name, key in heartbeat_keys.items()]
    if as_json:
        items = [{"integration": name, "source": source, "url": url} for name, source, url in rows]
        show_json({"items": items, "heartbeats": [{"heartbeat": name, "url": url} for name, url in beats]})
        return
    table("Integration", "Source", "Address", rows=rows)
    if beats:
        table("Heartbeat", "Address", rows=beats)
    note("These addresses are secrets: whoever has one can send alerts, or say that a job is well.")


def webhook_address(base: str, source: str, key: str) -> str:
    return f"{base}/webhooks/{source}/{key}"
