"""`tocsin db upgrade`."""

from __future__ import annotations

import typer

from engine.cli.options import AsJson
from engine.cli.screen import say, show_json
from engine.cli.session import make_data_folder, reaching_database, set_up_log
from engine.config.settings import read_settings
from engine.db.migrate import upgrade as run_migrations

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
