"""The edge of the command line: what the engine refuses or fails at becomes one line and an exit code."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

import engine
from engine.cli.screen import complain
from engine.core.errors import ConfigError, TocsinError

HOME = Path(engine.__file__).parent.parent


class Edge(TyperGroup):
    """0 done, 1 refused or failed (one line on standard error), 2 usage."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except ConfigError as error:
            complain(_first_of(error))
        except TocsinError as error:
            complain("; ".join(str(error).splitlines()))
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has seen enough, as `head` has
                raise
            complain(
                f"{error.filename}: {error.strerror}" if error.filename else error.strerror or type(error).__name__
            )
        except Exception as error:  # noqa: BLE001 - the edge of the process: a fault of ours is one line without its values
            complain(f"this is a fault of Tocsin's own; please report it: {type(error).__name__} at {_place(error)}")
        raise typer.Exit(1)


def _first_of(error: ConfigError) -> str:
    first, *more = error.findings
    rest = f" (and {len(more)} more; `tocsin check {first.file}` shows them all)" if more else ""
    return f"{first}{rest}"


def _place(error: Exception) -> str:
    """The innermost line of our own; the text of the error may hold what is nobody's business."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(HOME / "engine")] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}"
