"""WebVTT, SRT and CSV: what they say, and what is said about those that say something else."""

import pytest
import workbook

from fertool.assessment.segments.files import read_rows
from fertool.errors import ConfigError

CSV = """start,end,title,difficulty,point
0,1:30,Welcome,,
1:30,0:05:00,"Proofs, part one",hard,induction
"""
WELCOME = ("Welcome", 0.0, 90.0, "", "")
PROOFS = ("Proofs, part one", 90.0, 300.0, "hard", "induction")

GOOD = [
    ("a.csv", CSV, [WELCOME, PROOFS]),
    ("a.CSV", CSV.replace("\n", "\r\n"), [WELCOME, PROOFS]),
    ("a.csv", "\ufeff" + CSV, [WELCOME, PROOFS]),  # as Excel saves it
    ("a.csv", "start;title\n0;A, B\n90;C\n", [("A, B", 0.0, None, "", ""), ("C", 90.0, None, "", "")]),
    ("a.csv", "Title\tStart\nOne\t5\n\nTwo\t6.5\n", [("One", 5.0, None, "", ""), ("Two", 6.5, None, "", "")]),
    ("a.csv", "start\n7\n", [("Segment 1", 7.0, None, "", "")]),
    (
        "a.vtt",
        "WEBVTT - points\n\nNOTE\nby hand\n\nintro\n00:00.000 --> 01:30.000 align:start\n<b>Wel</b>come\n\n"
        "00:01:30.000 --> 00:05:00.000\nProofs,\npart one\ndifficulty: hard\nPoint: induction\n",
        [WELCOME, PROOFS],
    ),
    ("a.vtt", "WEBVTT\n\nintro\n00:00.000 --> 01:30.000\n", [("intro", 0.0, 90.0, "", "")]),
    ("a.vtt", "WEBVTT\n\n00:00.000 --> 01:30.000\na &lt; b\n", [("a < b", 0.0, 90.0, "", "")]),
    (
        "a.srt",
        "1\n00:00:00,000 --> 00:01:30,000\nWelcome\n\n2\n00:01:30,000 --> 00:05:00,000\nProofs, part one\n"
        "difficulty: hard\npoint: induction",
        [WELCOME, PROOFS],
    ),
    # blocks without an arrow are no cues; an empty line ends a cue, so what follows is no text of it
    (
        "a.vtt",
        "WEBVTT\n\nNOTE by hand\n\nno cue\n\n00:00.000 --> 01:30.000\n\nno text\n\n"
        "01:30.000 --> 05:00.000\nB\n",
        [("Segment", 0.0, 90.0, "", ""), ("B", 90.0, 300.0, "", "")],
    ),
    # a number names no segment
    ("a.vtt", "WEBVTT\n\n7\n00:00.000 --> 01:30.000\n", [("Segment", 0.0, 90.0, "", "")]),
    ("a.srt", "1\n00:00:00,000 --> 00:01:30,000\n", [("Segment", 0.0, 90.0, "", "")]),
    # tags of style are no text; braces of the lecture are
    (
        "a.srt",
        "1\n00:00:00,000 --> 00:01:30,000\n{\\an8}<i>Sets</i> {a}\n",
        [("Sets {a}", 0.0, 90.0, "", "")],
    ),
    # tabs, with and without a decimal comma
    (
        "a.tsv",
        "start\tend\ttitle\n0\t1,2\tA, b\n1.2\t2,4\tB\n",
        [("A, b", 0, 1.2, "", ""), ("B", 1.2, 2.4, "", "")],
    ),
    # Excel's line that names the delimiter, which the header could not tell
    ("a.csv", "sep=;\nstart;title\n0,5;A\n", [("A", 0.5, None, "", "")]),
    ("a.csv", "\nSEP=;\nstart\n1,5\n", [("Segment 1", 1.5, None, "", "")]),
    ("a.csv", "sep=\t\nstart\n1,5\n", [("Segment 1", 1.5, None, "", "")]),
    # as ffmpeg writes it: what is said of the whole file and of streams is no chapter
    (
        "a.txt",
        ";FFMETADATA1\ntitle=Signals\n[STREAM]\ntitle=Camera\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\n"
        "END=90000\ntitle=Welcome\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=90000\nEND=300000\n"
        "title=Proofs, part one\ndifficulty=hard\npoint=induction\n",
        [WELCOME, PROOFS],
    ),
    # without TIMEBASE in nanoseconds; without END up to the next; =, ;, # and a line end behind backslashes
    (
        "a.ffmetadata",
        ";FFMETADATA1\r\n# by hand\r\n[CHAPTER]\r\nSTART=1500000000\r\nTitle=a \\= b\\; \\#1 \\\r\n"
        "and more\r\n"
        "[CHAPTER]\r\nTIMEBASE=2/1\r\nSTART=2\r\n",
        [("a = b; #1 and more", 1.5, None, "", ""), ("Segment", 4.0, None, "", "")],
    ),
    # as typed: what it means is read later
    ("a.csv", "start;difficulty\n0;Sehr schwer\n", [("Segment 1", 0.0, None, "Sehr schwer", "")]),
    ("a.csv", "start,difficulty\n0,4\n", [("Segment 1", 0.0, None, "4", "")]),
]


@pytest.mark.parametrize(("name", "text", "rows"), GOOD)
def test_rows(tmp_path, name, text, rows):
    (tmp_path / name).write_text(text, encoding="utf-8")
    got = read_rows(tmp_path / name)
    assert [(r.title, r.start_s, r.end_s, r.difficulty, r.point) for r in got] == rows


def test_rows_of_a_spreadsheet(tmp_path):
    pytest.importorskip("fastexcel")
    cells = [
        ["Beginn", "Titel"],
        [(0, "h:mm:ss"), "A"],
        [(90.5 / workbook.DAY_S, "h:mm:ss"), "B"],
        ["2:30", "C"],
    ]
    rows = read_rows(workbook.write(tmp_path / "points.XLSX", cells))
    assert [(r.title, r.start_s, r.end_s) for r in rows] == [
        ("A", 0, None),
        ("B", 90.5, None),
        ("C", 150, None),
    ]
    assert rows[1].where.endswith("points.XLSX:3")


def talk(cues, length):
    """Cues of so many seconds, one after another."""
    times = [length * i for i in range(cues + 1)]
    clock = [f"{int(t) // 3600:02d}:{int(t) % 3600 // 60:02d}:{t % 60:06.3f}" for t in times]
    return "".join(f"{i + 1}\n{clock[i]} --> {clock[i + 1]}\nWords\n\n" for i in range(cues))


TALK = talk(30, 4.0)
BAD = [
    ("a.csv", "", ": nothing in it"),
    ("a.csv", "start,title\n", ": no segment in it"),
    ("a.csv", "began,title\n0,A\n", ":1: unknown column 'began'"),
    ("a.csv", "start,titles\n0,A\n", "did you mean 'title'?"),
    ("a.csv", "title,end\nA,9\n", ":1: expected the column 'start'"),
    ("a.csv", "start,start\n1,2\n", ":1: column 'start' stands there twice"),
    ("a.csv", "start,title\n0,A\nsoon,B\n", ":3: start: time 'soon': expected seconds, m:ss or h:mm:ss"),
    ("a.csv", "start,end\n0,1:90\n", ":2: end: time '1:90'"),
    ("a.csv", "start,title\n0,A, B\n", ":2: column 3: expected at most 2 cells, got 3 (put a text"),
    ("a.csv", 'start,title\n0,"A\nB"\n,C\n', ":4: start: time ''"),  # a quoted title over two lines
    ("a.vtt", "WEBVTT\n", ": no segment in it (expected cues"),
    ("a.vtt", "WEBVTT\n\nWelcome\n\n", ": no segment in it (expected cues"),
    ("a.srt", "1\nWelcome\n", ":1: expected a line such as 00:00:00.000 --> 00:05:00.000, got '1'"),
    ("a.csv", "sep=;\nstart;end\n0;1;2\n", ":3: column 3: expected at most 2 cells, got 3"),
    ("a.txt", ";FFMETADATA1\ntitle=Signals\n", ": no segment in it (expected lines such as"),
    ("a.txt", ";FFMETADATA1\n[CHAPTER]\nEND=9\n", ":2: START: expected a number, got ''"),
    ("a.txt", ";FFMETADATA1\n\n[CHAPTER]\nSTART=soon\n", ":3: START: expected a number, got 'soon'"),
    ("a.txt", ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/0\nSTART=1\n", ":2: TIMEBASE: expected a number"),
    ("a.txt", "Chapters of this video:\n", ": no segment in it (expected lines such as 0:00 Introduction"),
    (
        "a.vtt",
        "WEBVTT\n\n00:00.000 --> 00:05.000\n<v Ann>Let us begin.\n\n00:05.000 --> 00:09.000\nNo.\n",
        "a.vtt: a transcript of speech (1 of 2 cues name who speaks), expected segments (a segment is",
    ),
    ("a.srt", TALK, "a.srt: a transcript of speech (30 cues, 4.0 s at the median), expected segments"),
    ("a.vtt", "WEBVTT\n\n00:00.000 -->\nA\n", ":3: end: time ''"),
    ("a.srt", "1\n00:00:00,000 --> 00:01:61,000\nA\n", ":2: end: time '00:01:61.000'"),
    (
        "a.csv",
        "start,difficulty\n0,easy\n5,hrad\n",
        ":3: difficulty 'hrad' is not understood (did you mean 'hard'?",
    ),
    ("a.csv", "start,difficulty\n0,6\n", ":2: difficulty '6' is not understood (difficult: hard, "),
    (
        "a.vtt",
        "WEBVTT\n\nintro\n00:00.000 --> 01:30.000\nA\npoint: b\nDifficulty: tricky\n",
        ":7: difficulty 'tricky' is not understood",  # the line of the mark, not of the cue
    ),
    ("a.srt", "1\n00:00:00,000 --> 00:01:30,000\ndifficulty: 0\nA\n", ":3: difficulty '0' is not"),
]


@pytest.mark.parametrize(("name", "text", "words"), BAD)
def test_what_is_wrong_is_said_with_its_line(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rows(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert words in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv: cannot be read: No such file"):
        read_rows(tmp_path / "none.csv")
    (tmp_path / "no.csv").write_bytes(b"start,title\n0,\x81\n")
    with pytest.raises(ConfigError, match=r"no\.csv:2: neither UTF-8 nor Windows-1252"):
        read_rows(tmp_path / "no.csv")


@pytest.mark.parametrize(("cues", "length"), [(29, 4.0), (30, 15.0), (60, 300.0)])
def test_what_is_no_transcript(tmp_path, cues, length):
    """Fewer cues, or longer ones, are segments."""
    path = tmp_path / "a.srt"
    path.write_text(talk(cues, length))
    assert len(read_rows(path)) == cues


PASTED = """\
What we talk about:

0:00 Sampling
1:05 - Filters
(12:02) Questions: and answers
1:02:03
no chapter at 3:00 here
"""


def test_chapters_as_they_are_pasted_below_videos(tmp_path):
    path = tmp_path / "chapters.txt"
    path.write_text(PASTED)
    found = read_rows(path)
    assert [(row.start_s, row.end_s, row.title) for row in found] == [
        (0, None, "Sampling"),
        (65, None, "Filters"),
        (722, None, "Questions: and answers"),
        (3723, None, "Segment"),
    ]
    assert found[1].where == f"{path}:4"


def test_headings_and_marks_in_german(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Start;Ende;Titel;Schwierigkeit;Thema\n0:00;0:01;Abtastung;schwer;Nyquist\n")
    (row,) = read_rows(path)
    assert (row.start_s, row.end_s, row.title) == (0, 1, "Abtastung")
    assert (row.difficulty, row.point) == ("schwer", "Nyquist")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_the_encoding_does_not_show(tmp_path, encoding):
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    text = f"{mark}WEBVTT\n\n00:00.000 --> 00:01.200\nÜbung 学习\n"
    (tmp_path / "a.vtt").write_bytes(text.encode(encoding))
    assert [row.title for row in read_rows(tmp_path / "a.vtt")] == ["Übung 学习"]


def test_a_cut_file_in_utf_16_is_said_to_be_one(tmp_path):
    (tmp_path / "a.csv").write_bytes("\ufeffstart".encode("utf-16-le")[:-1])
    with pytest.raises(ConfigError, match="a.csv: not UTF-16, as its first bytes say .save the file"):
        read_rows(tmp_path / "a.csv")
