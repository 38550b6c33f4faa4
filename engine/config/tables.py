"""The tables of `enrichment`, read into the configuration: CSV and YAML, each fault with file, line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.document import Document, Flaw, parse, read_text, shorten
from engine.config.explain import nearest
from engine.core.enrichment import row_key
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config, Enrichment

MOST_ROWS = 10_000
LONGEST_CELL = 1_000
"""Characters; no label of an alert is longer."""
YAML = (".yaml", ".yml")
CSV = (".csv",)
BOUNDS = f"a table has {MOST_ROWS} rows and 1 MiB at most; leave out what no alert is looked up by"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """`rows`: the line of each and its cells by column; `document` makes findings of what is wrong."""

    document: Document
    columns: Sequence[str]
    rows: Sequence[tuple[int, dict[str, str]]]
    flaws: Sequence[Flaw]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """The configuration with the rows of its tables; `flaws` are faults of its own file, `findings` those of tables."""

    config: Config
    flaws: tuple[Flaw, ...] = ()
    findings: tuple[Finding, ...] = ()


def fill(config: Config, folder: Path) -> Filled:
    """Reads every table. Paths count from `folder`, where the configuration's own file is."""
    flaws: list[Flaw] = []
    findings: list[Finding] = []
    tables: list[Enrichment] = []
    for place, table in enumerate(config.enrichment):
        path = folder / table.file
        wrong = list(_misnamed(place, table, path))
        flaws += wrong
        if not wrong:
            try:
                tables.append(table.model_copy(update={"rows": _read(path, table)}))
            except ConfigError as error:
                findings += error.findings
    filled = config.model_copy(update={"enrichment": tuple(tables)}) if config.enrichment else config
    return Filled(config=filled, flaws=tuple(flaws), findings=tuple(findings))


def _misnamed(place: int, table: Enrichment, path: Path) -> Iterator[Flaw]:
    at = ("enrichment", place)
    if table.rows:
        yield Flaw(at=(*at, "rows"), wrong="the rows are read from the file", remedy="remove them here")
    if path.suffix.lower() not in (*YAML, *CSV):
        remedy = "name a file that ends in .csv, .yaml or .yml"
        yield Flaw(at=(*at, "file"), wrong=f"{path.name!r} is neither CSV nor YAML", remedy=remedy)
    elif not path.is_file():
        remedy = "give its path, from the folder of this file on"
        yield Flaw(at=(*at, "file"), wrong=f"there is no file {path}", remedy=remedy)


def _read(path: Path, wanted: Enrichment) -> dict[str, dict[str, str]]:
    """By the key of each row. Raises ConfigError with every fault of the table."""
    text, file = read_text(path, remedy=BOUNDS), str(path)
    table = _from_yaml(text, file) if path.suffix.lower() in YAML else _from_csv(text, file)
    flaws = [*table.flaws, *_check_columns(table, wanted)]
    rows: dict[str, dict[str, str]] = {}
    seen: dict[str, int] = {}
    for line, cells in table.rows if not flaws else ():
        found = list(_check_row(line, cells, wanted))
        key = row_key([cells.get(name, "") for name in wanted.by])
        if not found and key in seen:
            wrong = f"{shorten(key)} is there on line {seen[key]} already"
            found = [Flaw(at=(wanted.by[0],), wrong=wrong, remedy="keep one of them", line=line)]
        seen.setdefault(key, line)
        rows[key] = {name: cells[name] for name in wanted.sets if cells.get(name)}
        flaws += found
    if flaws:
        raise ConfigError(table.document.findings(flaws))
    return {key: cells for key, cells in rows.items() if cells}


def _check_columns(table: Table, wanted: Enrichment) -> Iterator[Flaw]:
    if len(table.rows) > MOST_ROWS:
        yield Flaw(at=(), wrong=f"it has {len(table.rows)} rows", remedy=BOUNDS)
    if table.flaws:
        return
    for name in (*wanted.by, *wanted.sets):
        if name not in table.columns:
            yield Flaw(at=(name,), wrong="there is no such column", remedy=nearest(name, table.columns), line=1)


def _check_row(line: int, cells: dict[str, str], wanted: Enrichment) -> Iterator[Flaw]:
    for name in wanted.by:
        if not cells.get(name):
            remedy = "fill it in, or remove the row: no alert is looked up by nothing"
            yield Flaw(at=(name,), wrong="it is empty", remedy=remedy, line=line)
    for name in (*wanted.by, *wanted.sets):
        value = cells.get(name, "")
        if len(value) > LONGEST_CELL:
            wrong = f"it is {len(value)} characters long"
            yield Flaw(at=(name,), wrong=wrong, remedy=f"write no more than {LONGEST_CELL}", line=line)
        elif not value.isprintable():
            remedy = "write one line without control characters"
            yield Flaw(at=(name,), wrong=f"{shorten(value)} is no label's value", remedy=remedy, line=line)


def _from_csv(text: str, file: str) -> Table:
    """The first line names the columns. Blanks around a cell are dropped, lines without any cell passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    flaws: list[Flaw] = []
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not columns and any(stripped):
                columns = stripped
                flaws += _misread_columns(columns, line)
            elif len(stripped) != len(columns) and any(stripped):
                wrong = f"it has {len(stripped)} cells, and there are {len(columns)} columns"
                flaws.append(Flaw(at=(), wrong=wrong, remedy='put a cell that holds a comma in "quotes"', line=line))
            elif any(stripped):
                rows.append((line, dict(zip(columns, stripped, strict=True))))
            line = reader.line_num + 1
    except csv.Error as error:
        flaws.append(Flaw(at=(), wrong=f"it is not CSV: {error}", remedy="look at the quotes there", line=line))
    if not columns:
        flaws.append(Flaw(at=(), wrong="it is empty", remedy="name the columns on the first line", line=1))
    return Table(document=Document(file=file, value=None), columns=columns, rows=rows, flaws=flaws)


def _misread_columns(columns: Sequence[str], line: int) -> Iterator[Flaw]:
    for place, name in enumerate(columns):
        if name and name in columns[:place]:
            yield Flaw(at=(name,), wrong="there are two columns of this name", remedy="remove one of them", line=line)
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        remedy = "separate the columns by commas"
        yield Flaw(at=(), wrong=f"{shorten(columns[0])} is a single column", remedy=remedy, line=line)


def _from_yaml(text: str, file: str) -> Table:
    """A list of rows, each a mapping of columns to texts or whole numbers; a column that a row lacks is empty in it."""
    document = parse(text, file)
    flaws = list(document.flaws)
    if not isinstance(document.value, list) or not document.value:
        remedy = "write each row as - {instance: web-1, team: payments}"
        flaws.append(Flaw(at=(), wrong="it is not a list of rows", remedy=remedy))
        return Table(document=document, columns=(), rows=(), flaws=flaws)
    rows: list[tuple[int, dict[str, str]]] = []
    for place, row in enumerate(document.value):
        if not isinstance(row, dict):
            flaws.append(Flaw(at=(place,), wrong="it is not a row", remedy="write it as - {instance: web-1}"))
            continue
        flaws += [flaw for name, value in row.items() if (flaw := _misread_cell(place, name, value))]
        rows.append((document.line((place,)), {name: _cell(value) for name, value in row.items()}))
    columns = list(dict.fromkeys(name for _, cells in rows for name in cells))
    return Table(document=document, columns=columns, rows=rows, flaws=flaws)


def _misread_cell(place: int, name: str, value: Any) -> Flaw | None:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return None
    wrong = "it is not text" if isinstance(value, (dict, list)) else f"{str(value).lower()} is not text"
    return Flaw(at=(place, name), wrong=wrong, remedy='put it in "quotes"')


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()
