"""One DuckDB file among several processes: migrations, locks, foreign files, rights, a full disk."""

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from fertool.errors import StoreError
from fertool.storage import schema
from fertool.storage.database import Database
from fertool.storage.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "course.duckdb"


def courses(database):
    with database.transaction() as con:
        return [row[0] for row in con.execute("SELECT course FROM courses ORDER BY course").fetchall()]


def insert(database, name):
    with database.transaction() as con:
        con.execute("INSERT INTO courses VALUES ($c)", {"c": name})


def process(code, *args, **streams):
    """Another Python, running `code`."""
    command = [sys.executable, "-c", dedent(code), *map(str, args)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **streams)


# --- migrations -----------------------------------------------------------------------------------


def test_an_empty_file_gets_every_table_and_view(path):
    Database(path)
    with duckdb.connect(str(path)) as con:
        tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        views = {
            row[0]
            for row in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
        applied = [row[0] for row in con.execute("SELECT name FROM migrations ORDER BY ALL").fetchall()]
    assert tables == {
        "assessments", "audit", "chunks", "consents", "courses", "decisions", "enrolled", "further_labels",
        "lectures", "migrations", "observations", "recordings", "retired", "rules", "runs", "samples",
        "segments", "sites", "students", "syllabi", "tracks",
    }  # fmt: skip
    assert views == {
        "agreed", "assessments_latest", "assessments_shown", "consenting", "current_runs", "current_tracks",
        "frame_emotions", "refused", "samples_seen",
    }  # fmt: skip
    assert applied == [name for name, _ in schema.MIGRATIONS]


def test_migrations_have_names_in_order():
    names = [name for name, _ in schema.MIGRATIONS]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"\d{4}_\w+", name) for name in names)


def test_opening_again_changes_nothing(path):
    insert(Database(path), "signals")
    before = path.read_bytes()
    assert courses(Database(path)) == ["signals"]
    assert path.read_bytes() == before


def test_an_older_database_gets_what_it_lacks_and_keeps_what_it_has(path, monkeypatch):
    insert(Database(path), "signals")
    newer = [*schema.MIGRATIONS, ("9999_rooms", "CREATE TABLE rooms (room VARCHAR)")]
    monkeypatch.setattr("fertool.storage.database.MIGRATIONS", newer)
    database = Database(path)
    with database.transaction() as con:
        con.execute("INSERT INTO rooms VALUES ('101')")
    assert courses(database) == ["signals"]


OLDER_RUN = """
    INSERT INTO recordings VALUES ('r', 'r', 'c', 'l', '/r', 'r', 1, 9, 9, 1, 1, 'h', 0);
    INSERT INTO runs VALUES ('run', 'r', 'finished', '0', 'full', '{}', now(), now(), 2, 1, '[]');
    INSERT INTO samples (run, sample, time_s, faces) VALUES ('run', 0, 1.5, 1);
    INSERT INTO tracks (track, run, chunk, first_s, last_s, samples, student)
        VALUES ('t', 'run', 0, 1.5, 1.5, 1, 'Ann');
    INSERT INTO observations (run, track, sample, face, happy, others)
        VALUES ('run', 't', 0, 0, 0.125, '{"contempt": 0.25, "Not Sure": 0.5, "time_s": 0.1}')"""


def older(path, migration, content):
    """A database as it was before a migration, with the rows of some statements."""
    done = schema.MIGRATIONS[: [name for name, _ in schema.MIGRATIONS].index(migration)]
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE migrations (name VARCHAR PRIMARY KEY, applied_at TIMESTAMPTZ)")
        for name, sql in done:
            con.execute(sql)
            con.execute("INSERT INTO migrations VALUES ($name, now())", {"name": name})
        con.execute(content)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_database_from_before_labels_became_columns_gets_them(path, read_only):
    """A name that could never be a column stays in `others`."""
    older(path, "0010_further_labels", OLDER_RUN)
    with Database(path, read_only=read_only).transaction() as con:
        rows = con.execute("SELECT * EXCLUDE (confidence) FROM frame_emotions")
        assert [name for name, *_ in rows.description][-2:] == ["emotion", "contempt"]
        asked = "SELECT student, time_s, happy, contempt FROM frame_emotions"
        assert con.execute(asked).fetchall() == [("Ann", 1.5, 0.125, 0.25)]


OLD_NAMES = [
    # configuration of a run before -> after; nothing but the name of the classifier differs
    (
        {"classifier": {"name": "faceapi", "options": {"exact": False}}, "end_s": None},
        {"classifier": {"name": "faceapi-expression", "options": {"exact": False}}, "end_s": None},
    ),
    ({"encoder": {"name": "faceapi"}}, {"encoder": {"name": "faceapi"}}),  # keeps its name
    ({"classifier": {"name": "compact"}}, {"classifier": {"name": "compact"}}),
    ({"classifier": None}, {"classifier": None}),  # under the policy `behaviour`
]


@pytest.mark.parametrize(("before", "after"), OLD_NAMES)
def test_a_database_from_before_names_were_unique_has_the_new_one(path, before, after):
    Database(path)
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM migrations WHERE name = '0012_unique_names'")
        con.execute(OLDER_RUN)
        con.execute("UPDATE runs SET config = ?", [json.dumps(before)])
    with Database(path, read_only=True).transaction() as con:
        (found,) = con.execute("SELECT config FROM runs").fetchone()
    assert json.loads(found) == after


def test_what_is_no_configuration_stays_as_it_is(path):
    Database(path)
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM migrations WHERE name = '0012_unique_names'")
        con.execute(OLDER_RUN)
        con.execute("UPDATE runs SET config = 'faceapi'")
    with Database(path, read_only=True).transaction() as con:
        assert con.execute("SELECT config FROM runs").fetchall() == [("faceapi",)]


def test_a_database_from_before_rules_declared_what_they_feed_knows_ours(path):
    """Those of another version too, and of nobody else; what they said is the same."""
    said = """
        INSERT INTO lectures (course, lecture, assessed_at) VALUES ('c', 'l', '2026-01-01');
        INSERT INTO assessments (course, lecture, rule, version, options, value, level, message, evidence,
            assessed_at) VALUES
            ('c', 'l', 'lost-moments', '1', '{}', 0.5, 'attention', '', '{"away": 2}', '2026-01-01'),
            ('c', 'l', 'mine', '1', '{}', 0.25, 'info', '', NULL, '2026-01-01'),
            ('c', 'l', 'state', '2', '{}', 0.75, 'good', '', '{}', '2026-01-01')"""
    older(path, "0013_rules", said)
    with Database(path, read_only=True).transaction() as con:
        shown = "SELECT rule, value, evidence, feeds, advises FROM assessments_shown ORDER BY rule"
        assert con.execute(shown).fetchall() == [
            ("lost-moments", 0.5, '{"away": 2}', "lost moments", None),
            ("mine", 0.25, None, None, None),
            ("state", 0.75, "{}", "feedback", "negative"),
        ]
        assert con.execute("SELECT count(*) FROM assessments_latest").fetchone() == (3,)


BROKEN_MIGRATIONS = [
    "CREATE TABLE rooms (room VARCHAR); CREATE TABLE courses (course VARCHAR)",  # its second half fails
    "CREATE TABLE rooms (room VARCHAR); INSERT INTO migrations VALUES ('9999_rooms', now())",  # its record
]


@pytest.mark.parametrize("sql", BROKEN_MIGRATIONS)
def test_a_migration_that_fails_leaves_nothing_of_itself(path, monkeypatch, sql):
    Database(path)
    with monkeypatch.context() as patch:
        patch.setattr("fertool.storage.database.MIGRATIONS", [*schema.MIGRATIONS, ("9999_rooms", sql)])
        with pytest.raises(duckdb.Error, match=r"already exists|duplicate key"):
            Database(path)
    with Database(path).transaction() as con:  # with today's migrations the file is as good as before
        tables = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert ("courses",) in tables
        assert ("rooms",) not in tables


def test_a_newer_database_is_left_alone(path):
    Database(path)
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO migrations VALUES ('9998_a', now()), ('9999_b', now())")
    before = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            Database(path, read_only=read_only)
        assert "written by a newer fertool (it knows 9998_a, 9999_b)" in caught.value.message
        assert "upgrade" in caught.value.hint
    assert path.read_bytes() == before


# --- files that are no fertool database -----------------------------------------------------------


def foreign(path):
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE sales (x INTEGER)")


WRONG_FILES = [
    # what is there -> what is said
    (foreign, "a DuckDB file, but not fertool's"),
    (lambda path: path.write_text("hello"), "not a DuckDB database"),
    (lambda path: path.write_bytes(os.urandom(100_000)), "not a DuckDB database"),
    (lambda path: path.write_bytes(b""), "not a DuckDB database"),  # `touch`: someone meant something by it
    (lambda path: path.mkdir(), "Is a directory"),
]


@pytest.mark.parametrize(("make", "message"), WRONG_FILES)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_of_another_kind_is_named_and_left_alone(path, make, message, read_only):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as caught:
        Database(path, read_only=read_only, timeout_s=30)
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before


def test_only_a_lock_is_waited_for(tmp_path):
    """Not a path with the word in it: DuckDB's messages quote the path."""
    path = tmp_path / "locks" / "clock.duckdb"
    path.parent.mkdir()
    path.write_text("hello" * 1000)
    began = time.monotonic()
    with pytest.raises(StoreError, match="not a DuckDB database"):
        Database(path, timeout_s=30)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("read_only", [True, False])
def test_a_missing_folder_is_named(tmp_path, read_only):
    path = tmp_path / "no" / "course.duckdb"
    with pytest.raises(StoreError, match=re.escape(str(path))):
        Database(path, read_only=read_only)
    assert not path.parent.exists()


def test_a_folder_that_takes_no_files_is_explained():
    with pytest.raises(StoreError, match=r"/proc/course\.duckdb: cannot be created") as caught:
        Database(Path("/proc/course.duckdb"))  # not even root may
    assert "permissions" in caught.value.hint


def test_nothing_is_created_for_a_reader(path):
    with pytest.raises(StoreError, match="no database here") as caught:
        Database(path, read_only=True)
    assert "fertool analyze" in caught.value.hint
    assert not path.exists()


# --- transactions ---------------------------------------------------------------------------------


def test_a_block_that_raises_changes_nothing(path):
    database = Database(path)

    def fail():
        with database.transaction() as con:
            con.execute("INSERT INTO courses VALUES ('signals')")
            assert con.execute("SELECT count(*) FROM courses").fetchall() == [(1,)]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert courses(database) == []
    insert(database, "signals")  # and nothing stays locked
    assert courses(database) == ["signals"]


def test_a_block_that_leaves_early_is_committed(path):
    database = Database(path)

    def leave():
        with database.transaction() as con:
            con.execute("INSERT INTO courses VALUES ('signals')")
            return

    leave()
    assert courses(database) == ["signals"]


def test_no_connection_stays_open(path):
    database = Database(path)
    insert(database, "signals")
    with process("import duckdb, sys; duckdb.connect(sys.argv[1]).close()", path) as other:
        assert other.wait() == 0  # its lock would have been refused


# --- rights ---------------------------------------------------------------------------------------


def test_only_the_owner_may_read(path):
    old = os.umask(0)
    try:
        insert(Database(path), "signals")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rights_that_somebody_gave_are_kept(path):
    Database(path)
    path.chmod(0o640)
    insert(Database(path), "signals")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


FORBIDDEN = [
    "INSERT INTO courses VALUES ('x')",
    "DELETE FROM courses",
    "CREATE TABLE mine (x INTEGER)",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('/etc/*')",
    "COPY (SELECT 1) TO '{out}'",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",  # the door's own key
    "SELECT 1; DROP TABLE courses",
    "SELECT * FROM params",  # a Python variable of ours
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    path = tmp_path_factory.mktemp("reader") / "course.duckdb"
    insert(Database(path), "signals")
    return Store(path, read_only=True)


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_who_may_only_read_reaches_nothing_else(reader, tmp_path, sql):
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StoreError):
        reader.query(sql.format(file=tmp_path / "secret.csv", out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert reader.query("SELECT course FROM courses").rows() == [("signals",)]


# --- several processes ----------------------------------------------------------------------------

WRITER = """
    import sys
    from pathlib import Path
    from fertool.storage.database import Database

    for i in range(4):
        with Database(Path(sys.argv[1])).transaction() as con:
            con.execute("INSERT INTO courses VALUES ($c)", {"c": f"{sys.argv[2]}-{i}"})
"""


def test_processes_that_create_migrate_and_write_one_file_at_once_all_finish(path):
    writers = [process(WRITER, path, name) for name in "abcd"]
    for writer in writers:
        assert writer.wait(60) == 0, writer.stderr.read()
        writer.stdout.close()
        writer.stderr.close()
    assert courses(Database(path)) == [f"{name}-{i}" for name in "abcd" for i in range(4)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_of_two_who_create_one_file_the_slower_keeps_what_the_faster_made(path, monkeypatch):
    """Without luck in timing: the second looks for the file before the first has made it."""
    faster = []

    def overtaken(draft, target):
        if not faster:
            faster.append(draft)
            monkeypatch.undo()
            insert(Database(path), "signals")
        os.link(draft, target)

    monkeypatch.setattr("fertool.files.os.link", overtaken)
    slower = Database(path)
    assert faster
    assert courses(slower) == ["signals"]


def test_a_file_system_without_links(path, monkeypatch):
    def refuse(draft, target):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr("fertool.files.os.link", refuse)
    insert(Database(path), "signals")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


HOLDER = """
    import sys, duckdb
    con = duckdb.connect(sys.argv[1])
    print("open", flush=True)
    sys.stdin.readline()
    con.close()
"""


def test_a_lock_that_is_not_given_up_names_the_process(path):
    database = Database(path, timeout_s=0.3)
    with process(HOLDER, path, stdin=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == "open\n"
        for use in (lambda: courses(database), lambda: Database(path, timeout_s=0.3)):
            began = time.monotonic()
            with pytest.raises(StoreError) as caught:
                use()
            assert 0.2 < time.monotonic() - began < 5
            assert f"{path}: locked by process {holder.pid} (" in caught.value.message
            assert "for more than 0.3 s" in caught.value.message
        holder.stdin.write("\n")
    assert courses(database) == []


def test_a_lock_that_is_given_up_in_time_is_waited_for(path):
    database = Database(path, timeout_s=30)
    with process(HOLDER, path, stdin=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == "open\n"
        with process("import time; time.sleep(0.4); print('now', flush=True)") as clock:
            assert clock.stdout.readline() == "now\n"
        holder.stdin.write("\n")
        holder.stdin.flush()
        insert(database, "signals")
    assert courses(database) == ["signals"]


def test_a_process_that_dies_in_the_middle_leaves_the_last_commit(path):
    insert(Database(path), "before")
    code = """
        import os, sys
        from pathlib import Path
        from fertool.storage.database import Database
        with Database(Path(sys.argv[1])).transaction() as con:
            con.execute("INSERT INTO courses VALUES ('half')")
            os._exit(9)
    """
    with process(code, path) as victim:
        assert victim.wait() == 9
    assert courses(Database(path)) == ["before"]
    insert(Database(path), "after")
    assert courses(Database(path, read_only=True)) == ["after", "before"]


# --- a full disk ----------------------------------------------------------------------------------

FULL = """
    import resource, sys
    from pathlib import Path
    import numpy as np, polars as pl
    from fertool.errors import StoreError
    from fertool.storage.store import Store

    path, room = Path(sys.argv[1]), int(sys.argv[2])
    size = path.stat().st_size if path.exists() else 0
    rows = pl.DataFrame({"sample": np.arange(500_000, dtype=np.int32), "faces": np.zeros(500_000, np.int32),
                         "time_s": np.random.default_rng(0).random(500_000)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
    try:
        Store(path).commit_chunk("run", 0, 1.0, {"samples": rows})
    except StoreError as error:
        print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(len(Store(path).chunks_done("run")), Store(path).chunks_done("other"))
"""


def test_a_disk_that_fills_up_is_explained_and_what_was_there_stays(path):
    store = Store(path)
    store.commit_chunk("other", 7, 1.0, {})
    with process(FULL, path, 100_000) as writer:
        said, errors = writer.communicate(timeout=60)
    message, after = said.splitlines()
    assert f"{path}: could not be written: " in message
    assert "free some disk space and run the same command again" in message
    assert after == "0 {7}"
    assert (writer.returncode, errors) == (0, "")
    assert store.chunks_done("other") == {7}


def test_a_disk_that_is_full_from_the_start_leaves_no_half_of_a_file(path):
    with process(FULL, path, 5_000) as writer:  # an empty database takes 12 kB
        said, errors = writer.communicate(timeout=60)
    assert f"{path}: could not be written: " in said
    assert said.endswith("0 set()\n")  # with room again, the same command works
    assert (writer.returncode, errors) == (0, "")
    assert list(path.parent.iterdir()) == [path]


def test_a_kept_file_has_transactions_as_ever(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.duckdb")
    with database.kept():
        with database.transaction() as con:
            con.execute("INSERT INTO courses VALUES ('kept')")
        with pytest.raises(ZeroDivisionError), database.transaction() as con:
            con.execute("INSERT INTO courses VALUES ('not kept')")
            raise ZeroDivisionError
    with database.transaction() as con:  # opened again
        assert con.execute("SELECT course FROM courses").fetchall() == [("kept",)]


def test_a_kept_file_is_open_until_the_outer_block_ends(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.duckdb")
    with database.kept():
        with database.kept():
            outer = database._kept
        assert database._kept is outer is not None
        assert database.rows("SELECT 1") == [(1,)]
    assert database._kept is None


# --- files of other programs, and damaged ones ----------------------------------------------------


def test_a_database_of_sqlite(path):
    """Said before DuckDB has a look: it would fetch an extension from the network."""
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE t (a)")
        con.commit()
    with pytest.raises(StoreError) as refused:
        Database(path)
    assert str(refused.value) == f"{path}: an SQLite database, not a DuckDB one (give another --db)"


NOTHING = "nothing of it can be read: put a copy of the file back, or analyze the recordings again"


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: flip(path, 20),  # the file's own header, then the two of its state
        lambda path: (flip(path, 4096 + 20), flip(path, 8192 + 20)),
        lambda path: path.write_bytes(path.read_bytes()[:20_000]),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_to_be_damaged(path, harm):
    insert(Database(path), "signals")
    harm(path)
    with pytest.raises(StoreError) as refused:
        Database(path)
    assert str(refused.value).startswith(f"{path}: the database is damaged: ")
    assert NOTHING in str(refused.value)
    assert "\n" not in str(refused.value)


def test_of_a_database_with_a_damaged_block_the_other_tables_can_be_saved(path):
    """Two tables of more than a block each; a byte in a block of one."""
    Database(path)
    with duckdb.connect(str(path)) as con:
        for table, key, more in (("consents", 7, ", 'ann', true"), ("syllabi", 3, ", 'week 1'")):
            columns = "course, student, consent" if table == "consents" else "course, lecture"
            rows = f"SELECT md5(({key} * i)::VARCHAR){more} FROM range(50_000) t(i)"
            con.execute(f"INSERT INTO {table} ({columns}) {rows}")
    sql = "SELECT DISTINCT block_id FROM pragma_storage_info('{}') WHERE block_id >= 0 ORDER BY ALL"
    with duckdb.connect(str(path)) as con:
        own, others = (con.execute(sql.format(table)).fetchall() for table in ("consents", "syllabi"))
        size = con.execute("SELECT block_size FROM pragma_database_size()").fetchall()[0][0]
    assert own[0] not in others
    flip(path, 3 * 4096 + own[0][0] * size + 1000)  # blocks begin behind three headers
    store = Store(path)
    with pytest.raises(StoreError) as refused:
        store.query("SELECT max(course) FROM consents")
    told = str(refused.value)
    assert told.startswith(f"{path}: the database is damaged: ")
    tables = len(store.query("FROM duckdb_tables()"))
    saved = re.search(r"(\d+) of (\d+) tables can be saved \((.*)\): any DuckDB client writes them", told)
    assert saved is not None
    assert (int(saved[1]), int(saved[2])) == (tables - 1, tables)
    assert "syllabi" in saved[3].split(", ")
    assert "consents" not in saved[3].split(", ")
    # Where the file was kept open it is closed first, to look at it again: the same words.
    with pytest.raises(StoreError) as kept, store.database.kept():
        store.database.table("SELECT max(course) FROM consents")
    assert str(kept.value) == told
    assert len(store.query("FROM duckdb_tables()")) == tables, "and the next transaction opens it as ever"


def test_a_wait_of_more_than_two_seconds_says_for_whom(path, caplog):
    Database(path)
    code = """
        import sys, time, duckdb
        con = duckdb.connect(sys.argv[1]); print("held", flush=True); time.sleep(float(sys.argv[2]))
    """
    for hold_s, lines in ((0.5, 0), (4, 1)):
        caplog.clear()
        with process(code, path, hold_s) as other:
            assert other.stdout.readline() == "held\n"
            insert(Database(path), f"after {hold_s}")
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == lines
        assert all(
            re.fullmatch(
                rf"{re.escape(str(path))}: waiting for process {other.pid} \(.+\), which has it open", line
            )
            for line in said
        )
    assert courses(Database(path)) == ["after 0.5", "after 4"]
