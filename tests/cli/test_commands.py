"""The commands that read: query, runs, plugins, models, doctor, report, assess. Whole outputs."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import polars as pl
import pytest

from fertool import EMOTIONS
from fertool.cli import doctor
from fertool.cli.app import COMMANDS, GUESSED
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database of two lectures in the current folder."""
    store = Store(tmp_path / "fertool.duckdb")
    students = {"ann": timeline("happy*3 absent*1"), "bob": timeline("neutral*4")}
    store_lecture(store, "signals", "week 1", students)
    store_lecture(store, "signals", "week 2", {"ann": timeline("sad*2")}, recording_name="second.mp4")
    return tmp_path


SQL = "SELECT student, count(*) AS faces, avg(happy) AS happy FROM frame_emotions GROUP BY student ORDER BY 1"


@pytest.mark.parametrize("guess", sorted(GUESSED))
def test_a_guessed_command_is_answered_with_one_that_exists(fertool, guess: str) -> None:
    done = fertool(guess, "student-01")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"Error: No such command '{guess}': {GUESSED[guess]}."
    named = re.findall(r"`fertool ([a-z -]+?)(?: --[a-z-]+.*?)?`", GUESSED[guess])
    assert named
    for command in named:
        assert fertool(*command.split(), "--help").code == 0, command


def test_a_command_that_nobody_guesses_is_answered_as_before(fertool) -> None:
    assert fertool("frobnicate").err.splitlines()[-1] == "Error: No such command 'frobnicate'."
    assert not GUESSED.keys() & COMMANDS.keys(), "none that exists"


def test_query_prints_a_table(fertool, filled: Path) -> None:
    done = fertool("query", SQL)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines() if line.strip() and "─" not in line]
    assert lines == [["student", "faces", "happy"], ["ann", "5", "0.44"], ["bob", "4", "0.05"]]


def test_query_prints_json_and_csv(fertool, filled: Path) -> None:
    rows = json.loads(fertool("query", SQL, "--json").out)
    assert [(r["student"], r["faces"]) for r in rows] == [("ann", 5), ("bob", 4)]
    assert fertool("query", "SELECT 1 AS a, 'x,y' AS b", "--csv").out == 'a,b\n1,"x,y"\n'


def test_query_writes_parquet(fertool, filled: Path) -> None:
    assert fertool("query", SQL, "--parquet", "out.parquet").out == "2 rows -> out.parquet\n"
    assert pl.read_parquet(filled / "out.parquet")["student"].to_list() == ["ann", "bob"]
    failed = fertool("query", SQL, "--parquet", "no/folder/out.parquet")
    assert failed.code == 2
    assert "no/folder/out.parquet" in failed.err


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM frame_emotions", 'column "nothing" not found'),  # a slip of the pen
        ("DROP TABLE runs", "read-only"),
        ("DELETE FROM runs", "read-only"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),  # no files
        ("COPY runs TO 'runs.csv'", "disabled by configuration"),
        ("SELECT", "query failed"),
    ],
)
def test_query_only_reads_and_only_the_database(fertool, filled: Path, sql: str, words: str) -> None:
    done = fertool("query", sql)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert len(Store(filled / "fertool.duckdb").runs()) == 2


def test_query_of_nothing_and_of_lists(fertool, filled: Path) -> None:
    assert "[1, 2]" in fertool("query", "SELECT [1, 2] AS pair").out
    assert fertool("query", "SELECT [1, 2] AS pair", "--csv").out == 'pair\n"[1, 2]"\n'
    assert fertool("query", "SELECT * FROM frame_emotions WHERE false", "--csv").out.count("\n") == 1


@pytest.mark.parametrize("command", [["query", "SELECT 1"], ["runs"], ["report"], ["assess"]])
def test_without_a_database_they_say_so(fertool, command: list[str]) -> None:
    done = fertool(*command)
    assert done.code == 2
    assert done.err.startswith("fertool: fertool.duckdb: ")
    assert not Path("fertool.duckdb").exists(), "reading makes no database"


def test_runs_lists_them_newest_first(fertool, filled: Path) -> None:
    shown = fertool("runs").out
    assert shown.index("second.mp4") < shown.index("lecture.mp4")
    assert shown.count("current") == 2
    only = json.loads(fertool("runs", "--lecture", "week 1", "--json").out)
    assert [(r["lecture"], r["samples"], r["planned"], r["current"]) for r in only] == [
        ("week 1", 4, 4, True)
    ]


def test_the_database_is_found_by_environment_and_file(fertool, filled: Path, monkeypatch) -> None:
    (filled / "fertool.duckdb").rename(filled / "other.duckdb")
    assert fertool("runs").code == 2
    (filled / "fertool.toml").write_text('db = "other.duckdb"')
    assert fertool("runs").code == 0
    monkeypatch.setenv("FERTOOL_DB", "third.duckdb")  # the environment wins over the file,
    assert fertool("runs").code == 2
    assert fertool("runs", "--db", "other.duckdb").code == 0  # and a flag over both


def test_a_bad_configuration_file_is_named(fertool, filled: Path) -> None:
    (filled / "fertool.toml").write_text('detecter = "ssd"')
    done = fertool("runs")
    assert done.code == 2
    assert "fertool.toml: unknown key 'detecter' (did you mean 'detector'?)" in done.err


def test_assess_with_a_rule_of_one_s_own(fertool, filled: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "longest_absence.py"
    done = fertool("assess", "--plugin", example, "--json")
    assert done.code == 0, done.err
    mine = [r for r in json.loads(done.out)["assessments"] if r["rule"] == "longest-absence"]
    assert [(r["lecture"], r["student"], r["value"]) for r in mine] == [
        ("week 1", "ann", 1.0),
        ("week 1", "bob", 0.0),
        ("week 2", "ann", 0.0),
    ]
    assert "longest-absence" in fertool("assess", "--plugin", example).out
    nowhere = fertool("assess", "--course", "none such")
    assert nowhere.code == 2
    assert "no analyzed lecture fits" in nowhere.err


def test_rules_sensitivity(fertool, filled: Path) -> None:
    rows = json.loads(fertool("rules", "sensitivity", "presence", "--json").out)
    assert [row["setting"] for row in rows] == [0.25, 0.375, 0.5, 0.625, 0.75]
    assert rows[0]["assessments"] == 3
    assert "presence over 2 lectures" in fertool("rules", "sensitivity", "presence").out
    unknown = fertool("rules", "sensitivity", "presense")
    assert unknown.code == 2
    assert "no rule 'presense'" in unknown.err


def test_rules_sensitivity_to_the_classifier(fertool, filled: Path) -> None:
    model = {"classes": [{"label": e} for e in EMOTIONS], "confusion": [[2] * 7] * 7}  # mere guesses
    (filled / "eval.json").write_text(json.dumps({"models": [model]}))
    words = ("rules", "sensitivity", "state", "--confusion", "eval.json")
    rows = json.loads(fertool(*words, "--json").out)
    assert [row["draw"] for row in rows] == list(range(21))
    shown = fertool(*words)
    assert shown.code == 0, shown.err
    lines = [line.split() for line in shown.out.splitlines() if line.strip()]
    assert lines[1][:3] == ["answers", "assessments", "value"]
    assert [line[0] for line in lines[3:]] == ["stored", "lowest", "mean", "highest"]
    assert lines[3][2] == f"{rows[0]['value']:.3f}"
    assert "not at expressions" in fertool("rules", "sensitivity", "presence", *words[3:]).err


RAISES = """
from fertool import Rule, hookimpl
class Raises(Rule):
    name, version = "raises", "1"
    def assess(self, seen, context): return 1 / 0
@hookimpl
def fertool_plugins(): return [Raises]
"""


def test_a_rule_that_raises_is_reported_and_the_others_count(fertool, filled: Path) -> None:
    (filled / "raises.py").write_text(RAISES)
    done = fertool("assess", "--plugin", "raises.py")
    assert done.code == 3
    assert "rule 'raises' raised in assess(): ZeroDivisionError" in done.err
    assert "signals/week 1" in done.err
    assert "presence" in done.out


def test_plugins_lists_ours_with_their_options(fertool) -> None:
    listed = json.loads(fertool("plugins", "--json").out)
    assert listed["broken"] == []
    ssd = next(p for p in listed["plugins"] if p["name"] == "ssd")
    assert (ssd["kind"], ssd["note"]) == ("detector", "")
    assert {o["name"]: o["default"] for o in ssd["options"]}["threshold"] == 0.4
    shown = fertool("plugins").out
    assert "threshold=0.4" in shown
    assert "fertool models pull insightface" in " ".join(shown.split())


def test_models_from_a_folder(fertool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path / "models"))
    assert "missing" in fertool("models", "list").out
    assert fertool("models", "verify", "yunet").code == 2
    absent = fertool("models", "path", "yunet")
    assert absent.code == 2
    assert "fertool models pull yunet" in absent.err
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "yunet_n_640_640.onnx").write_bytes(b"not it")
    wrong = fertool("models", "pull", "yunet", "--from", tmp_path / "usb")
    assert wrong.code == 2
    assert "is not the right file" in wrong.err
    assert not list((tmp_path / "models").rglob("*.onnx"))
    slip = fertool("models", "pull", "yunt")
    assert "did you mean 'yunet'?" in slip.err


def test_a_pulled_model_is_used_where_it_is_asked_for(
    fertool, small_video: Path, tmp_path: Path, monkeypatch
) -> None:
    copy = Path(__file__).parents[3] / "shared" / "models" / "yunet_n_640_640.onnx"
    if not copy.is_file():
        pytest.skip("needs ../shared/models")
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path / "models"))
    larger = ["analyze", small_video, "--end", "1", "-o", "yunet.net=n"]
    refused = fertool(*larger)
    assert refused.code == 2
    assert "run `fertool models pull yunet` to fetch the weights of net=n" in refused.err
    pulled = fertool("models", "pull", "yunet", "--from", copy.parent)
    assert pulled.code == 0
    assert "license: Apache-2.0" in pulled.err
    path = Path(fertool("models", "path", "yunet").out.strip())
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith("25a606a1")
    assert fertool("models", "verify").code == 0
    assert fertool(*larger).code == 0
    # What is there does not decide: the same command finds the same faces on every machine.
    assert fertool("analyze", small_video, "--end", "1").code == 0
    runs = json.loads(fertool("runs", "--json").out)
    detectors = [json.loads(r["config"])["detector"] for r in runs]
    assert [(one["name"], one["options"]["net"]) for one in detectors] == [("yunet", "s"), ("yunet", "n")]
    assert [r["current"] for r in runs] == [True, False]


def test_doctor_finds_all_in_order(fertool) -> None:
    done = fertool("doctor")
    assert done.code == 0
    for word in ("python", "torch", "opencv-python", "detector ssd", "GB free"):
        assert word in done.out
    assert "missing " not in done.out.replace("missing to", "")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("libGL.so.1: cannot open shared object file", "apt-get install libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file", "apt-get install libglib2.0-0"),
        ("No module named 'torch'", "pip install it again"),  # no system library
    ],
)
def test_doctor_names_the_package_that_brings_a_library(error: str, advice: str) -> None:
    assert advice in doctor.advice(error)


def test_report_prints_its_path_and_takes_one_lecture(fertool, filled: Path) -> None:
    done = fertool("report", "--lecture", "week 2", "--out", "site")
    assert done.code == 0
    assert done.out == f"{filled / 'site' / 'index.html'}\n"
    index = (filled / "site" / "index.html").read_text(encoding="utf-8")
    assert "week 2" in index
    assert "week 1" not in index
    assert fertool("report", "--course", "none such").code == 2


def test_report_speaks_another_language(fertool, filled: Path) -> None:
    assert fertool("report", "--lang", "de", "--out", "site").code == 0
    index = (filled / "site" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="de">' in index
    assert "Wer Hilfe braucht" in index
    done = fertool("report", "--lang", "xx", "--out", "other")
    assert done.code == 2
    assert done.err == "fertool: --lang xx: no such language (known: de, en)\n"
    assert not (filled / "other").exists()


def test_version(fertool) -> None:
    from fertool import __version__

    assert fertool("--version").out == f"fertool {__version__}\n"


def test_a_bug_keeps_its_traceback(fertool, filled: Path, monkeypatch) -> None:
    monkeypatch.setattr(Store, "runs", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fertool("runs")


def test_debug_shows_where_an_error_came_from(fertool, monkeypatch) -> None:
    from fertool.errors import FertoolError

    monkeypatch.setenv("FERTOOL_DEBUG", "1")
    with pytest.raises(FertoolError):
        fertool("runs")
