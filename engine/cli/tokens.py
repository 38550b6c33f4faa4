"""`tocsin token create|list|revoke`: who may come in by the API."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.options import AsJson, Zone, machine_zone
from engine.cli.screen import note, say, show_json, stamp, table
from engine.cli.session import run
from engine.core.model import Role
from engine.services import access

app = typer.Typer(help="API tokens. Only their hashes are kept.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the token is called.", show_default=False)]


@app.command()
def create(
    name: Name,
    role: Annotated[Role, typer.Option(help="What it may do; each role includes the ones before it.")],
    contact: Annotated[str | None, typer.Option(help="The contact who acts where this token does.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. Its secret is printed this once and kept nowhere."""
    made = run(lambda app: access.create_token(app.context, name=name, role=role, contact=contact))
    secret = made.get_secret_value()
    if as_json:
        show_json({"name": name, "role": role, "contact": contact, "token": secret})
    else:
        note(f"The token {name!r} ({role}), shown this once:")
        say(secret)


@app.command("list")
def list_tokens(zone: Zone = None, as_json: AsJson = False) -> None:
    """All tokens, those that were revoked too."""
    tokens = run(lambda app: access.list_tokens(app.context))
    if as_json:
        show_json({"items": tokens})
        return
    where = zone or machine_zone()
    rows = ((t.name, t.role, t.contact, stamp(t.created_at, where), stamp(t.revoked_at, where)) for t in tokens)
    table("Name", "Role", "Contact", "Made", "Revoked", rows=rows)


@app.command()
def revoke(name: Name, as_json: AsJson = False) -> None:
    """From now on the token opens nothing."""
    run(lambda app: access.revoke_token(app.context, name))
    if as_json:
        show_json({"name": name, "revoked": True})
    else:
        say(f"The token {name!r} is revoked.")
