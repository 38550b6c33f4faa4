"""`tocsin db upgrade` and `tocsin db copy`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.progress import Progress

from engine.cli.lock import sole_user
from engine.cli.options import AsJson
from engine.cli.screen import err, note, say, show_json, table
from engine.cli.session import make_data_folder, reaching_database, set_up_log
from engine.config.settings import Settings, read_settings
from engine.db.database import connect
from engine.db.migrate import upgrade as run_migrations
from engine.services.copying import Copied
from engine.services.copying import copy as run_copy

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """The database."""


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring the database to this release's schema, as `serve` does at its start. Safe to run again."""
    settings = read_settings()
    set_up_log(settings, level="warning")
    make_data_folder(settings)
    url = settings.database_url.get_secret_value()
    with reaching_database():
        run_migrations(url)
    if as_json:
        show_json({"upgraded": True, "dialect": url.partition(":")[0]})
    else:
        say("The database has this release's schema.")


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="The address of the database to copy, like sqlite:////path/tocsin.db.")],
    target: Annotated[str, typer.Argument(help="The address of an empty one, like postgresql://user@host/tocsin.")],
    as_json: AsJson = False,
) -> None:
    """Move an installation to another database. Every row is read back and compared; stop the engine first."""
    set_up_log(read_settings(), level="warning")
    places = [Settings(database_url=SecretStr(address)) for address in (source, target)]
    with sole_user(places[0]), sole_user(places[1]), reaching_database():
        addresses = [place.database_url.get_secret_value() for place in places]
        run_migrations(addresses[1])
        copied = asyncio.run(_copy(*addresses))
    if copied.broken:
        note(f"On both sides these timelines do not hold: {', '.join(copied.broken)}.")
    if as_json:
        show_json(copied)
        return
    table("Table", "Rows", "Digest", rows=((name, n, copied.digests[name][:16]) for name, n in copied.rows.items()))
    say(f"{sum(copied.rows.values()):,} rows are the same on both sides.")


async def _copy(source: str, target: str) -> Copied:
    databases = connect(source), connect(target)
    with Progress(console=err(), transient=True) as progress:
        tasks = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        try:
            return await run_copy(*databases, show)
        finally:
            for database in databases:
                await database.close()
