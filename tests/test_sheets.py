"""Tables as spreadsheets and platforms write them: encodings, delimiters, headings, and what is wrong."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

import pytest
import workbook
from hypothesis import given
from hypothesis import strategies as st
from workbook import DAY_S

from fertool import sheets
from fertool.errors import ConfigError

COLUMNS = ("start", "title", "point")


def read(folder: Path, data: str | bytes, **options):
    path = folder / "t.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return sheets.read(path, COLUMNS, **options)


def cells(sheet):
    return [list(line.cells.values()) for line in sheet.lines]


GOOD = [
    # file, columns, rows, other headings
    ("start,title\n0,A\n", ("start", "title"), [["0", "A"]], ()),
    ("start;title\n0,5;A\n", ("start", "title"), [["0,5", "A"]], ()),
    ("start\ttitle\n0\tA\n", ("start", "title"), [["0", "A"]], ()),
    ("sep=;\nstart;title\n0;A, B\n", ("start", "title"), [["0", "A, B"]], ()),
    ('\n\n"Start" , Title \n\n 0 , "A, B" \n,,\n', ("start", "title"), [["0", "A, B"]], ()),
    ("Beginn;Titel;Thema\n0;A;B\n", ("start", "title", "point"), [["0", "A", "B"]], ()),
    ("title,start\nA,0\n", ("start", "title"), [["0", "A"]], ()),  # in the order asked for
    ("start,title\n0\n", ("start", "title"), [["0", ""]], ()),  # short rows
    ("start,room,title\n0,7,A\n", ("start", "title"), [["0", "A"]], ("room",)),
    ("start\n", ("start",), [], ()),
    ("name,title,start\nN,T,0\n", ("start", "title"), [["0", "T"]], ("name",)),  # its own name comes first
    ("Knowledge_Point,start\nP,0\n", ("start", "point"), [["0", "P"]], ()),
]


@pytest.mark.parametrize(("text", "columns", "rows", "others"), GOOD)
def test_good(tmp_path, text, columns, rows, others):
    sheet = read(tmp_path, text)
    assert (sheet.columns, cells(sheet), sheet.others) == (columns, rows, others)


BAD = [
    (b"", "t.csv: nothing in it"),
    (b"start,start\n0,1\n", "t.csv:1: column 'start' stands there twice"),
    (b"start,title\n0,A\n1,B,C\n", "t.csv:3: column 3: expected at most 2 cells, got 3"),
    (b"\xff\xfes", "t.csv: not UTF-16, as its first bytes say"),
    (b"start\n\x81\n", "t.csv:2: neither UTF-8 nor Windows-1252"),
    (b"PK\x03\x04\0\0\0", "t.csv: not a text file"),
]


@pytest.mark.parametrize(("data", "said"), BAD)
def test_bad(tmp_path, data, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        read(tmp_path, data)
    assert caught.value.hint, "what to do"
    assert "codec" not in str(caught.value)


# --- spreadsheets ---

# What stands in a cell, what of it is read, and whether a note says how a spreadsheet has times.
CELLS = [
    ("A, b ", "A, b", False),
    (7, "7", False),
    (1.25, "1.25", False),
    ("0:30", "0:30", False),  # a text
    ((90 / DAY_S, "h:mm:ss"), "0:01:30", True),
    ((1800 / DAY_S, "h:mm"), "0:30:00", True),  # what a spreadsheet makes of 0:30
    ((5400 / DAY_S, "[h]:mm:ss"), "1:30:00", True),
    ((1.25, "[h]:mm:ss"), "30:00:00", True),  # days
    ((0, "h:mm:ss"), "0:00:00", True),
    ((46082, "date"), "2026-03-01", False),
    ("until 00:00:00", "until 00:00:00", False),
    (None, "", False),
]


@pytest.mark.parametrize(("cell", "text", "noted"), CELLS)
def test_a_spreadsheet_is_read_as_it_would_be_typed(tmp_path, caplog, cell, text, noted):
    pytest.importorskip("fastexcel")
    rows = [[None, None], ["Title", "Beginn"], [None, None], ["x", cell]]
    sheet = sheets.read(workbook.write(tmp_path / "t.xlsx", rows), COLUMNS)
    assert (sheet.columns, sheet.decimal_comma) == (("start", "title"), True)
    (line,) = sheet.lines
    assert line == sheets.Line(f"{tmp_path / 't.xlsx'}:4", {"start": text, "title": "x"})
    assert ("0:30 is half an hour" in caplog.text) is noted


def test_a_spreadsheet_that_is_none(tmp_path):
    pytest.importorskip("fastexcel")
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError, match=r"t.xlsx: not a spreadsheet \(save it as CSV \(UTF-8\)\)"):
        sheets.read(tmp_path / "t.xlsx", COLUMNS)
    with pytest.raises(ConfigError, match="nothing in it"):
        sheets.read(workbook.write(tmp_path / "empty.xlsx", []), COLUMNS)


@pytest.mark.parametrize("name", ["t.xlsx", "t.ods", "t.xls"])
def test_without_its_package_a_spreadsheet_is_to_be_saved_as_csv(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    hint = r"pip install 'fertool\[excel\]', or save it as CSV \(UTF-8\)"
    with pytest.raises(ConfigError, match=rf"{name}: a spreadsheet, which needs a package .* \({hint}\)"):
        sheets.read(tmp_path / name, COLUMNS)


@pytest.mark.parametrize("name", ["none.csv", "none.xlsx"])
def test_a_table_that_is_not_there(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"{name}: cannot be read"):
        sheets.read(tmp_path / name, COLUMNS)


ENCODINGS = [
    ("utf-8", ""),
    ("utf-8-sig", ""),
    ("utf-16", "read as UTF-16"),
    ("cp1252", "read as Windows-1252"),
]


@pytest.mark.parametrize(("encoding", "note"), ENCODINGS)
def test_the_encoding_does_not_show(tmp_path, caplog, encoding, note):
    sheet = read(tmp_path, "start;title\n0;Glättung – Übung\n".encode(encoding))
    assert cells(sheet) == [["0", "Glättung – Übung"]]
    assert note in caplog.text if note else caplog.text == ""


CELL = st.text(st.characters(codec="cp1252", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)


@given(
    rows=st.lists(st.tuples(st.integers(0, 9999).map(str), CELL, CELL), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    declared=st.booleans(),
)
def test_any_program_writes_the_same_table(tmp_path_factory, rows, delimiter, encoding, end, declared):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    text = (f"sep={delimiter}{end}" if declared else "") + file.getvalue()
    sheet = read(tmp_path_factory.mktemp("sheet"), text.encode(encoding))
    if encoding == "cp1252" and _is_utf8(text):
        return  # bytes that are UTF-8 as well are read as that
    assert cells(sheet) == [[" ".join(c.splitlines()) and c.strip() for c in row] for row in rows]


def _is_utf8(text):
    try:
        return text.encode("cp1252").decode("utf-8") != text
    except UnicodeDecodeError:
        return False


def test_a_heading_can_be_named(tmp_path):
    sheet = read(tmp_path, "when,what,title\n0,A,B\n", named={"start": "When", "title": "what"})
    assert (sheet.columns, cells(sheet), sheet.others) == (("start", "title"), [["0", "A"]], ("title",))
    with pytest.raises(ConfigError, match=r"t.csv:1: no column 'whan' \(did you mean 'when'\?\)"):
        read(tmp_path, "when\n0\n", named={"start": "whan"})


def test_the_second_section_of_a_report_of_teams(tmp_path):
    text = (
        "1. Summary\nMeeting title\tSignals\n\n2. Participants\nTitle\tStart\tRole\nA\t0\tx\n\n"
        "3. Activities\nTitle\tStart\n"
    )
    sheet = read(tmp_path, text.encode("utf-16"))
    assert (sheet.columns, cells(sheet), sheet.others) == (("start", "title"), [["0", "A"]], ("Role",))


@pytest.mark.parametrize(
    ("text", "said"),
    [("yes", True), ("JA", True), ("1", True), ("Nein", False), ("no", False), ("false", False)],
)
def test_yes_and_no(text, said):
    assert sheets.answer("f:1", text) is said


def test_neither_yes_nor_no():
    with pytest.raises(ConfigError, match=r"f:1: expected yes or no, got 'perhaps' \(yes, true, 1, ja"):
        sheets.answer("f:1", "perhaps")
