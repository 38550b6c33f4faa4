"""`enrichment` in `tocsin.yaml`: tables that become part of the revision, each fault with file, line and column."""

import json
from pathlib import Path

import pytest

from engine.bootstrap import DEFAULT, load_config
from engine.config.difference import difference, digest
from engine.config.stored import from_document, to_document
from engine.config.tables import MOST_ROWS
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config

BASE = DEFAULT.read_text(encoding="utf-8")
ENTRY = "{file: hosts.csv, by: [instance], set: [team, service]}"
HOSTS = "instance,team,service,rack\nweb-1,payments,checkout,7\nweb-2,,search,7\nweb-3,,,8\n"


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""

    def configured(self, entries: str = f"[{ENTRY}]") -> "Folder":
        self.text = BASE.replace("enrichment: []\n", f"enrichment: {entries}\n")
        (self.path / "tocsin.yaml").write_text(self.text, encoding="utf-8")
        return self

    def table(self, text: str | bytes, name: str = "hosts.csv") -> "Folder":
        (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    def load(self) -> Config:
        return load_config(self.path / "tocsin.yaml")

    def findings(self) -> list[str]:
        """Without the folder."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return [str(one).replace(f"{self.path}/", "") for one in caught.value.findings]

    @property
    def line(self) -> int:
        return self.text[: self.text.index("enrichment: ")].count("\n") + 1


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def rows(folder: Folder) -> dict[str, dict[str, str]]:
    return folder.load().enrichment[0].rows


def test_a_csv_file_becomes_rows_that_are_found_by_their_key(folder: Folder) -> None:
    folder.configured().table(HOSTS)
    assert rows(folder) == {"web-1": {"team": "payments", "service": "checkout"}, "web-2": {"service": "search"}}


WRITTEN: dict[str, str] = {
    "as Excel writes it": "\ufeffinstance,team\r\nweb-1,payments\r\n",
    "with blanks around cells": " instance , team\n web-1 ,  payments \n",
    "with empty lines": "\ninstance,team\n\nweb-1,payments\n,\n\n",
    "with quotes": '"instance","team"\n"web-1","payments"\n',
    "without an end": "instance,team\nweb-1,payments",
    "with other columns": "rack,instance,floor,team\n7,web-1,2,payments\n",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_csv_is_read_however_it_is_written(folder: Folder, text: str) -> None:
    folder.configured("[{file: hosts.csv, by: [instance], set: [team]}]").table(text)
    assert rows(folder) == {"web-1": {"team": "payments"}}


def test_a_yaml_file_is_a_list_of_rows(folder: Folder) -> None:
    folder.configured("[{file: hosts.yaml, by: [port, instance], set: [team]}]").table(
        '- {instance: "a,b", port: 80, team: payments}\n- instance: web-2\n  port: "080"\n  team: on\n  rack: 7\n',
        "hosts.yaml",
    )
    assert rows(folder) == {'80,"a,b"': {"team": "payments"}, "080,web-2": {"team": "on"}}


def test_the_path_counts_from_the_folder_of_the_configuration(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tables").mkdir()
    monkeypatch.chdir(tmp_path.parent)
    folder.configured("[{file: tables/hosts.csv, by: [instance], set: [team]}]").table(HOSTS, "tables/hosts.csv")
    assert rows(folder) == {"web-1": {"team": "payments"}}
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("tocsin.yaml")).enrichment[0].rows == {"web-1": {"team": "payments"}}


FAULTY: list[tuple[str, str, str]] = [
    ("no such column", "instance,teem\nweb-1,x\n", "hosts.csv:1: team: there is no such column; did you mean 'teem'?"),
    ("no rows at all", "", "hosts.csv:1: $: it is empty; name the columns on the first line"),
    (
        "the same row twice",
        "instance,team\nweb-1,a\nweb-2,b\nweb-1,c\n",
        "hosts.csv:4: instance: 'web-1' is there on line 2 already; keep one of them",
    ),
    (
        "an empty key",
        "instance,team\nweb-1,a\n,b\n",
        "hosts.csv:3: instance: it is empty; fill it in, or remove the row: no alert is looked up by nothing",
    ),
    (
        "too many cells",
        "instance,team\nweb-1,a,b\n",
        'hosts.csv:2: $: it has 3 cells, and there are 2 columns; put a cell that holds a comma in "quotes"',
    ),
    (
        "too few cells",
        "instance,team\n\nweb-1\n",
        'hosts.csv:3: $: it has 1 cells, and there are 2 columns; put a cell that holds a comma in "quotes"',
    ),
    (
        "a column twice",
        "instance,team,team\nweb-1,a,b\n",
        "hosts.csv:1: team: there are two columns of this name; remove one of them",
    ),
    (
        "semicolons",
        "instance;team\nweb-1;a\n",
        "hosts.csv:1: $: 'instance;team' is a single column; separate the columns by commas",
    ),
    (
        "quotes without an end",
        'instance,team\nweb-1,"a\nweb-2,b\n',
        "hosts.csv:2: $: it is not CSV: unexpected end of data; look at the quotes there",
    ),
    (
        "a line end within a cell",
        'instance,team\n"web-1","a\nb"\nweb-2,c\n',
        "hosts.csv:2: team: 'a\\nb' is no label's value; write one line without control characters",
    ),
    (
        "a control character",
        "instance,team\nweb-1,a\x1b[2J\n",
        "hosts.csv:2: team: 'a\\x1b[2J' is no label's value; write one line without control characters",
    ),
    (
        "a very long cell",
        f"instance,team\nweb-1,{'x' * 1001}\n",
        "hosts.csv:2: team: it is 1001 characters long; write no more than 1000",
    ),
]


@pytest.mark.parametrize(("text", "finding"), [row[1:] for row in FAULTY], ids=[row[0] for row in FAULTY])
def test_a_fault_of_a_table_is_told_with_file_line_and_column(folder: Folder, text: str, finding: str) -> None:
    folder.configured("[{file: hosts.csv, by: [instance], set: [team]}]").table(text)
    assert folder.findings() == [finding]


IN_YAML: list[tuple[str, str, str]] = [
    ("no list", "instance: web-1\n", "hosts.yml:1: $: it is not a list of rows; write each row as"),
    ("nothing", "", "hosts.yml:1: $: it is not a list of rows; write each row as"),
    ("no row", "- {instance: web-1, team: a}\n- web-2\n", "hosts.yml:2: [1]: it is not a row; write it as"),
    (
        "a number that would change",
        "- {instance: web-1,\n   team: 1.10}\n",
        "hosts.yml:2: [0].team: 1.1 is not text",
    ),
    ("a truth", "- {instance: web-1, team: true}\n", "hosts.yml:1: [0].team: true is not text; put it in"),
    ("a list", "- {instance: web-1, team: [a]}\n", "hosts.yml:1: [0].team: it is not text; put it in"),
    ("a key twice", "- {instance: web-1, team: a, team: b}\n", "hosts.yml:1: [0].team: is given twice"),
    (
        "a row twice",
        "- {instance: w, team: a}\n- {instance: w, team: b}\n",
        "hosts.yml:2: instance: 'w' is there on",
    ),
    ("no key", "- {instance: w, team: a}\n- {team: b}\n", "hosts.yml:2: instance: it is empty"),
    ("no such column", "- {instance: w}\n", "hosts.yml:1: team: there is no such column; known here: instance"),
    ("not YAML", "- {instance: w\n", "hosts.yml:2: $: expected ',' or '}'"),
]


@pytest.mark.parametrize(("text", "finding"), [row[1:] for row in IN_YAML], ids=[row[0] for row in IN_YAML])
def test_a_fault_of_a_yaml_table_is_told_in_the_same_way(folder: Folder, text: str, finding: str) -> None:
    folder.configured("[{file: hosts.yml, by: [instance], set: [team]}]").table(text, "hosts.yml")
    [found] = folder.findings()
    assert found.startswith(finding)


def test_every_fault_of_every_file_is_told_at_once(folder: Folder) -> None:
    folder.configured("[{file: hosts.csv, by: [instance], set: [team]}, {file: b.csv, by: [instance], set: [team]}]")
    folder.table("instance,team\n,a\nweb-1,\x07\n").table("instance,team\nw\n", "b.csv")
    path = folder.path / "tocsin.yaml"
    path.write_text(folder.text.replace("default_policy: standard", "default_policy: gold"), encoding="utf-8")
    found = [one.split(": ")[0] for one in folder.findings()]
    line = folder.text[: folder.text.index("default_policy: standard")].count("\n") + 1
    assert found == [
        f"tocsin.yaml:{line}",
        "hosts.csv:2",
        "hosts.csv:3",
        "b.csv:2",
    ]


ENTRIES: list[tuple[str, str, str, str]] = [
    (
        "no file",
        "[{file: none.csv, by: [instance], set: [team]}]",
        "enrichment[0].file",
        "there is no file none.csv; give its path, from the folder of this file on",
    ),
    (
        "a file of another kind",
        "[{file: hosts.xlsx, by: [instance], set: [team]}]",
        "enrichment[0].file",
        "'hosts.xlsx' is neither CSV nor YAML; name a file that ends in .csv, .yaml or .yml",
    ),
    (
        "nothing to look up by",
        "[{file: hosts.csv, by: [], set: [team]}]",
        "enrichment[0].by",
        "it is empty; give at least 1",
    ),
    (
        "no name of a label",
        "[{file: hosts.csv, by: ['@integration'], set: [team]}]",
        "enrichment[0].by[0]",
        "'@integration' is not the name of a label; write it like team or app.kubernetes.io/name",
    ),
    (
        "a column for both",
        "[{file: hosts.csv, by: [instance], set: [team, instance]}]",
        "enrichment[0]",
        "'instance' is named twice; a column is either looked up by or set",
    ),
    (
        "rows by hand",
        "[{file: hosts.csv, by: [instance], set: [team], rows: {web-1: {team: x}}}]",
        "enrichment[0].rows",
        "the rows are read from the file; remove them here",
    ),
    (
        "an unknown key",
        "[{file: hosts.csv, by: [instance], set: [team], row: 1}]",
        "enrichment[0].row",
        "this key is not known; known here: by, file, override, set",
    ),
]


@pytest.mark.parametrize(("entry", "path", "said"), [row[1:] for row in ENTRIES], ids=[row[0] for row in ENTRIES])
def test_a_fault_of_the_entry_is_told_with_its_line_in_the_configuration(
    folder: Folder, entry: str, path: str, said: str
) -> None:
    folder.configured(entry).table(HOSTS)
    assert folder.findings() == [f"tocsin.yaml:{folder.line}: {path}: {said}"]


def test_a_table_is_bounded(folder: Folder) -> None:
    folder.configured("[{file: hosts.csv, by: [instance], set: [team]}]")
    folder.table("instance,team\n" + "".join(f"web-{number},a\n" for number in range(MOST_ROWS)))
    assert len(rows(folder)) == MOST_ROWS
    folder.table("instance,team\n" + "".join(f"web-{number},a\n" for number in range(MOST_ROWS + 1)))
    [many] = folder.findings()
    assert many.startswith("hosts.csv:1: $: it has 10001 rows; a table has 10000 rows and 1 MiB at most; leave out")
    folder.table("instance,team\n" + "x" * 1024 * 1024)
    [large] = folder.findings()
    assert large.startswith("hosts.csv:1: $: is larger than 1 MiB; a table has 10000 rows")


def test_no_more_than_ten_tables_are_taken(folder: Folder) -> None:
    folder.configured(f"[{', '.join([ENTRY] * 11)}]").table(HOSTS)
    said = "it has too many entries; give no more than 10"
    assert folder.findings() == [f"tocsin.yaml:{folder.line}: enrichment: {said}"]


def test_bytes_that_are_no_text_are_told_with_their_line(folder: Folder) -> None:
    folder.configured().table(b"instance,team,service\nweb-1,caf\xe9,x\n")
    assert folder.findings() == ["hosts.csv:2: $: byte 0xe9 is not UTF-8; save the file in UTF-8"]


def test_the_revision_holds_the_table_and_needs_the_file_no_more(folder: Folder) -> None:
    config = folder.configured().table(HOSTS).load()
    document = to_document(config)
    (folder.path / "hosts.csv").unlink()
    restored = from_document(document)
    assert restored == config
    assert restored.enrichment[0].rows["web-2"] == {"service": "search"}
    assert json.loads(document)["enrichment"][0]["set"] == ["team", "service"]


def test_a_changed_table_is_another_revision_and_the_plan_names_the_row(folder: Folder) -> None:
    before = folder.configured().table(HOSTS).load()
    after = folder.table(HOSTS.replace("web-2,,search", "web-2,core,search")).load()
    assert digest(before) != digest(after)
    [change] = difference(before, after)
    assert (change.path, change.before, change.after) == ("enrichment[0].rows.web-2.team", None, "core")


def test_a_revision_of_an_older_release_has_no_tables() -> None:
    config = load_config(DEFAULT)
    document = json.loads(to_document(config))
    del document["enrichment"]
    assert from_document(json.dumps(document)) == config


def test_a_finding_of_a_table_is_one_of_its_own_file(folder: Folder) -> None:
    folder.configured().table("instance,team,service\n,a,b\n")
    with pytest.raises(ConfigError) as caught:
        folder.load()
    [finding] = caught.value.findings
    assert isinstance(finding, Finding)
    assert (finding.file, finding.line, finding.path) == (str(folder.path / "hosts.csv"), 2, "instance")
