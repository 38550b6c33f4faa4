"""`tocsin webhooks`: the addresses that alerts and heartbeats are sent to, and that of the report page."""

from __future__ import annotations

from collections.abc import Mapping

from engine.bootstrap import Application
from engine.cli.options import AsJson
from engine.cli.screen import note, show_json, table
from engine.cli.session import run


def webhooks(as_json: AsJson = False) -> None:
    """Each integration, each heartbeat and the report page with its full address, whose last part is a secret."""

    async def work(app: Application) -> tuple[Mapping[str, tuple[str, str]], Mapping[str, str], str | None, str]:
        keys = app.keys
        return await keys.url_keys(), await keys.heartbeat_keys(), await keys.report_page_key(), app.settings.base_url

    keys, heartbeat_keys, page_key, base = run(work)
    rows = [(name, source, webhook_address(base, source, key)) for name, (source, key) in keys.items()]
    beats = [(name, f"{base}/heartbeats/{key}") for name, key in heartbeat_keys.items()]
    page = report_address(base, page_key) if page_key else None
    if as_json:
        items = [{"integration": name, "source": source, "url": url} for name, source, url in rows]
        named = [{"heartbeat": name, "url": url} for name, url in beats]
        show_json({"items": items, "heartbeats": named, "report_page": page})
        return
    table("Integration", "Source", "Address", rows=rows)
    if beats:
        table("Heartbeat", "Address", rows=beats)
    if page:
        table("Report page", rows=[(page,)])
    note("These addresses are secrets: whoever has one can send alerts, or say that a job is well.")


def webhook_address(base: str, source: str, key: str) -> str:
    return f"{base}/webhooks/{source}/{key}"


def report_address(base: str, key: str) -> str:
    return f"{base}/report/{key}"
