"""`tocsin webhooks`: the addresses of integrations, by HTTP and by mail, of heartbeats, and of the report page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.bootstrap import Application
from engine.cli.options import AsJson
from engine.cli.screen import note, show_json, table
from engine.cli.session import run
from engine.config.smtp import SOURCE
from engine.services import configs


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """By name of what each belongs to. `mails`: only where mail is listened for."""

    webhooks: Sequence[tuple[str, str, str]]
    mails: Sequence[tuple[str, str]]
    heartbeats: Sequence[tuple[str, str]]
    report_page: str | None


def webhooks(as_json: AsJson = False) -> None:
    """Each integration, each heartbeat and the report page with its full address, whose last part is a secret."""
    found = run(_gather)
    if as_json:
        items = [{"integration": name, "source": source, "url": url} for name, source, url in found.webhooks]
        mails = [{"integration": name, "address": address} for name, address in found.mails]
        named = [{"heartbeat": name, "url": url} for name, url in found.heartbeats]
        show_json({"items": items, "mail": mails, "heartbeats": named, "report_page": found.report_page})
        return
    table("Integration", "Source", "Address", rows=found.webhooks)
    if found.mails:
        table("Integration", "Mail address", rows=found.mails)
    if found.heartbeats:
        table("Heartbeat", "Address", rows=found.heartbeats)
    if found.report_page:
        table("Report page", rows=[(found.report_page,)])
    note("These addresses are secrets: whoever has one can send alerts, or say that a job is well.")


async def _gather(app: Application) -> Addresses:
    keys, base = await app.keys.url_keys(), app.settings.base_url
    beats, page = await app.keys.heartbeat_keys(), await app.keys.report_page_key()
    config = await configs.in_force(app.context)
    by_mail = {name: key for name, (source, key) in keys.items() if source == SOURCE and config.smtp_listener}
    return Addresses(
        webhooks=[(name, source, webhook_address(base, source, key)) for name, (source, key) in keys.items()],
        mails=[(name, mail_address(base, key)) for name, key in by_mail.items()],
        heartbeats=[(name, f"{base}/heartbeats/{key}") for name, key in beats.items()],
        report_page=report_address(base, page) if page else None,
    )


def mail_address(base: str, key: str) -> str:
    """What stands behind the @ plays no part in Tocsin, only in how the mail gets there."""
    host = urlsplit(base).hostname or "localhost"
    if host.replace(".", "").isdigit() or ":" in host:  # RFC 5321, 4.1.3
        return f"{key}@[IPv6:{host}]" if ":" in host else f"{key}@[{host}]"
    return f"{key}@{host}"


def webhook_address(base: str, source: str, key: str) -> str:
    return f"{base}/webhooks/{source}/{key}"


def report_address(base: str, key: str) -> str:
    return f"{base}/report/{key}"
