from pathlib import Path

import pytest

import engine
from engine.config import document
from engine.config.document import DEEPEST, LARGEST, MOST_FINDINGS, Document, Flaw, parse, read_text, spell
from engine.core.errors import ConfigError, Finding

FILE = "tocsin.yaml"
SHIPPED = Path(engine.__file__).with_name("default.yaml")


def refused(text: str) -> Finding:
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    [finding] = caught.value.findings
    assert str(caught.value) == f"{FILE}:{finding.line}: $: {finding.wrong}; {finding.remedy}"
    return finding


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("yes", "yes"),
        ("5", 5),
        ("-7", -7),
        ("99.9", 99.9),
        ("1e3", 1000.0),
        ("5m", "5m"),
        ("17:00", "17:00"),
        ("09:00", "09:00"),
        ("2026-12-25", "2026-12-25"),
        ("+15550100", "+15550100"),
        ("0171555", "0171555"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("9" * 40, "9" * 40),
        ("[1, two]", [1, "two"]),
        ("{a: 1, 2: b, on: c}", {"a": 1, "2": "b", "on": "c"}),
    ],
)
def test_a_plain_value_is_what_it_looks_like(written: str, value: object) -> None:
    document = parse(f"key: {written}\n", FILE)
    assert document.value == {"key": value}
    assert not document.flaws


def test_every_key_and_item_remembers_its_line() -> None:
    document = parse("a:\n  b: 1\n\n  # a comment\n  c:\n    - x\n    -\n      d: |\n        text\n", FILE)
    lines = {spell(at): line for at, line in document.lines.items()}
    assert lines == {"$": 1, "a": 1, "a.b": 2, "a.c": 5, "a.c[0]": 6, "a.c[1]": 8, "a.c[1].d": 8}


def test_what_is_not_there_is_laid_to_the_nearest_thing_that_is() -> None:
    document = parse("\na:\n  b: 1\n", FILE)
    assert [document.line(at) for at in (("a", "missing", 3), ("a", "b", "c"), ("missing",), ())] == [2, 3, 2, 2]
    assert Document(file=FILE, value=None).line(("a",)) == 1


def test_an_alias_stands_for_what_it_names() -> None:
    assert parse("a: &ladder {after: 5m}\nb: *ladder\n", FILE).value == {"a": {"after": "5m"}, "b": {"after": "5m"}}


@pytest.mark.parametrize(
    ("text", "line", "path", "wrong"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a", "is given twice, first on line 1"),
        ("x:\n  - a: 1\n    a: 1\n", 3, "x[0].a", "is given twice, first on line 2"),
        ("a: 1\n? [b]\n: 1\n", 2, "$", "a key is not a name"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a", "'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !!int '5'\n", 1, "a", "the tag 'tag:yaml.org,2002:int' is not understood"),
        ('a: "x\\0"\n', 1, "a", "no database can store"),
        ('a: "\\ud800"\n', 1, "a", "no database can store"),
    ],
)
def test_a_flaw_of_the_yaml_is_found_with_its_line(text: str, line: int, path: str, wrong: str) -> None:
    document = parse(text, FILE)
    [finding] = document.findings(document.flaws)
    assert (finding.file, finding.line, finding.path) == (FILE, line, path)
    assert wrong in finding.wrong
    assert finding.remedy


@pytest.mark.parametrize(
    ("text", "line", "wrong", "remedy"),
    [
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed here", "indentation"),
        ("a:\n\t- 1\n", 2, "cannot start any token", "blanks, not tabs"),
        ("a: 1\nb: [1,\n  2\n", 4, "line 2", "brackets"),
        ("a: 'x\n", 2, "line 1", "quotes"),
        ("a: *nothing\n", 1, "undefined alias", "indentation"),
        ("a: 1\n---\nb: 1\n", 2, "another document", "indentation"),
        ("a: 1\nb: \x07\n", 2, "U+0007 is not allowed", "remove it"),
        ("a: 1\n\nb: \ud800\n", 3, "U+D800 is not allowed", "remove it"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, line: int, wrong: str, remedy: str) -> None:
    finding = refused(text)
    assert finding.line == line
    assert wrong in finding.wrong
    assert remedy in finding.remedy


BILLION = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[" * 100_000, f"nested more than {DEEPEST} deep"),
        ("- " * 5_000 + "x", f"nested more than {DEEPEST} deep"),
        ("{a: " * 5_000, f"nested more than {DEEPEST} deep"),
        ("? " * 5_000, f"nested more than {DEEPEST} deep"),
        (BILLION, "aliases stand for more than"),
        ("a: &a [*a]", "for themselves"),
        ("a: &a\n  b: *a", "for themselves"),
        ("x" * (LARGEST + 1), "larger than 1 MiB"),
    ],
)
def test_a_hostile_text_is_refused_quickly(text: str, wrong: str) -> None:
    assert wrong in refused(text).wrong


def test_a_configuration_as_deep_as_ours_is_read() -> None:
    assert parse("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), FILE).value


@pytest.mark.parametrize(
    ("content", "line", "wrong"),
    [
        (None, 1, "can't be read: No such file or directory"),
        (b"a: 1\nb: \xff\n", 2, "byte 0xff is not UTF-8"),
        (b"a: 1\n" * (LARGEST // 4), 1, "larger than 1 MiB"),
        ("é".encode() * (LARGEST // 2) + b"x", 1, "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes | None, line: int, wrong: str) -> None:
    path = tmp_path / FILE
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_text(path)
    [finding] = caught.value.findings
    assert (finding.file, finding.line) == (str(path), line)
    assert wrong in finding.wrong


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        read_text(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_text(tmp_path / FILE) == "a: 1\n"


@pytest.mark.parametrize(
    ("at", "path"),
    [
        ((), "$"),
        (("policies", "standard", "P0", "steps", 1, "level"), "policies.standard.P0.steps[1].level"),
        (("contacts", "A. Smith", "name"), "contacts['A. Smith'].name"),
        (("a\nb",), "['a\\nb']"),
        ((0, "a"), "[0].a"),
    ],
)
def test_a_path_is_written_so_that_it_can_be_found(at: tuple[str | int, ...], path: str) -> None:
    assert spell(at) == path


def test_findings_come_in_the_order_of_the_file_each_once_and_not_without_end() -> None:
    document = parse("\n".join(f"k{number}: 1" for number in range(500)), FILE)
    flaws = [Flaw(at=(f"k{number}",), wrong="x", remedy="y") for number in [*range(499, -1, -1), 3, 3]]
    findings = document.findings(flaws)
    assert [finding.line for finding in findings[:-1]] == list(range(1, MOST_FINDINGS + 1))
    assert findings[-1].wrong == "400 more faults are not shown"


HARD = [
    "a: 1\nb: [1, 'two', {c: ~}]\nd: |\n  text\n\ne: >-\n  x\n  y\n",
    "a: &it [1, 2]\nb: *it\nc: {'d e': \"f\\n\"}\n",
    "# a comment\n---\n- a\n-\n  - b: true\n- !x c\n",
    "a: b\n\tc: d\n",
    "a: b\t# a comment\n",
    "a: [1, 2\n",
    "a: 1\na: 2\n",
    "\ufeffa: 1\n",
    "a: \ud800\n",
    "a: \x07\n",
    "[" * 40,
    "",
    SHIPPED.read_text(),
]


@pytest.mark.parametrize("text", HARD)
def test_libyaml_reads_what_pyyaml_reads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> Document | str:
        try:
            return parse(text, FILE)
        except ConfigError as error:
            return str(error)

    swift = told()
    monkeypatch.setattr(document, "COMPOSERS", [document.Composer])
    assert swift == told()
