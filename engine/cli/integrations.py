"""`tocsin webhooks`: the addresses that alerts are sent to."""

from __future__ import annotations

from collections.abc import Mapping

from engine.bootstrap import Application
from engine.cli.options import AsJson
from engine.cli.screen import note, show_json, table
from engine.cli.session import run


def webhooks(as_json: AsJson = False) -> None:
    """Each integration with its full address. The last part of an address is a secret."""

    async def work(app: Application) -> tuple[Mapping[str, tuple[str, str]], str]:
        return await app.keys.url_keys(), app.settings.base_url

    keys, base = run(work)
    rows = [(name, source, webhook_address(base, source, key)) for name, (source, key) in keys.items()]
    if as_json:
        show_json({"items": [{"integration": name, "source": source, "url": url} for name, source, url in rows]})
    else:
        table("Integration", "Source", "Address", rows=rows)
        note("These addresses are secrets: whoever has one can send alerts.")


def webhook_address(base: str, source: str, key: str) -> str:
    return f"{base}/webhooks/{source}/{key}"
