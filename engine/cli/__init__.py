"""The command line, `tocsin`: the same services as the API, on the database itself, with or without a server."""

from engine.cli.program import main

__all__ = ["main"]
