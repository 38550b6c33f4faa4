"""The command line, `tocsin`: the same services as the API, on the database itself, with or without a server."""

import gc
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """What the commands import stays to the end: to look for garbage in it meanwhile, and at every collection later,
    took a fifth of the start and lengthens the pauses of a server."""
    gc.disable()
    program = import_module("engine.cli.program")
    gc.freeze()
    gc.enable()
    program.main()
