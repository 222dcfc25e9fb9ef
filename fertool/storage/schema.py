"""The schema as an append-only list of migrations. Never edit one that was released.

No foreign keys: DuckDB cannot delete parent and child rows in one transaction; a test counts orphans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MIGRATIONS: list[tuple[str, str]] = [
    (
        "0001_tables",
        """
        CREATE TABLE courses (course VARCHAR PRIMARY KEY);
        CREATE TABLE lectures (
            course VARCHAR, lecture VARCHAR, assessed_at TIMESTAMPTZ, PRIMARY KEY (course, lecture)
        );
        CREATE TABLE recordings (
            recording VARCHAR PRIMARY KEY,  -- first 12 hex digits of sha256
            sha256 VARCHAR NOT NULL, course VARCHAR NOT NULL, lecture VARCHAR NOT NULL,
            path VARCHAR NOT NULL, name VARCHAR NOT NULL, bytes BIGINT NOT NULL,
            duration_s DOUBLE NOT NULL, readable_s DOUBLE NOT NULL,
            width INTEGER, height INTEGER, codec VARCHAR,
            offset_s DOUBLE NOT NULL DEFAULT 0  -- start on the lecture's clock
        );
        CREATE TABLE runs (
            run VARCHAR PRIMARY KEY, recording VARCHAR NOT NULL, state VARCHAR NOT NULL,
            fertool VARCHAR NOT NULL, policy VARCHAR NOT NULL, config VARCHAR NOT NULL,
            started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ,
            planned INTEGER NOT NULL, seconds DOUBLE, notes VARCHAR
        );
        CREATE TABLE chunks (
            run VARCHAR, chunk INTEGER, seconds DOUBLE, PRIMARY KEY (run, chunk)
        );
        -- No keys from here on: rows arrive with their chunk, in one transaction, and the chunk's key
        -- keeps them unique; an index over every face would only cost memory.
        CREATE TABLE samples (
            run VARCHAR NOT NULL, sample INTEGER NOT NULL, time_s DOUBLE NOT NULL, faces INTEGER NOT NULL
        );
        CREATE TABLE tracks (
            track VARCHAR NOT NULL, run VARCHAR NOT NULL, chunk INTEGER NOT NULL,
            first_s DOUBLE NOT NULL, last_s DOUBLE NOT NULL, samples INTEGER NOT NULL,
            embedding FLOAT[], student VARCHAR
        );
        CREATE TABLE observations (
            run VARCHAR NOT NULL, sample INTEGER NOT NULL, face INTEGER NOT NULL, track VARCHAR NOT NULL,
            x1 FLOAT, y1 FLOAT, x2 FLOAT, y2 FLOAT, detection FLOAT,
            yaw_deg FLOAT, pitch_deg FLOAT, roll_deg FLOAT,
            angry FLOAT, disgust FLOAT, fear FLOAT, happy FLOAT, sad FLOAT, surprise FLOAT, neutral FLOAT,
            emotion VARCHAR, confidence FLOAT, others VARCHAR
        );
        -- recording: the one whose unnamed students these are; null for a named student
        CREATE TABLE students (
            course VARCHAR, student VARCHAR, recording VARCHAR, PRIMARY KEY (course, student)
        );
        CREATE TABLE segments (
            course VARCHAR NOT NULL, lecture VARCHAR NOT NULL, segment INTEGER NOT NULL,
            title VARCHAR NOT NULL, start_s DOUBLE NOT NULL, end_s DOUBLE NOT NULL
        );
        CREATE TABLE assessments (
            course VARCHAR NOT NULL, lecture VARCHAR, segment INTEGER, student VARCHAR,
            rule VARCHAR NOT NULL, version VARCHAR NOT NULL, options VARCHAR NOT NULL,
            value DOUBLE, level VARCHAR, message VARCHAR, start_s DOUBLE, end_s DOUBLE, evidence VARCHAR,
            assessed_at TIMESTAMPTZ NOT NULL
        );
        """,
    ),
    (
        "0002_views",
        """
        CREATE VIEW current_runs AS
            SELECT r.course, r.lecture, runs.* FROM runs JOIN recordings r USING (recording)
            WHERE state = 'finished'
            QUALIFY row_number() OVER (PARTITION BY recording ORDER BY finished_at DESC, run) = 1;
        CREATE VIEW frame_emotions AS
            SELECT c.course, c.lecture, c.recording, t.student, o.sample, s.time_s,
                o.x1, o.y1, o.x2, o.y2, o.detection, o.yaw_deg, o.pitch_deg, o.roll_deg,
                o.angry, o.disgust, o.fear, o.happy, o.sad, o.surprise, o.neutral, o.emotion, o.confidence
            FROM observations o JOIN current_runs c USING (run)
            JOIN samples s USING (run, sample) JOIN tracks t USING (track);
        CREATE VIEW samples_seen AS
            SELECT c.course, c.lecture, c.recording, s.sample, s.time_s, s.faces
            FROM samples s JOIN current_runs c USING (run);
        CREATE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s
            FROM assessments JOIN lectures USING (course, lecture, assessed_at);
        """,
    ),
    (
        "0003_identity",
        """
        -- mean change of the pixels where the face was, in gray levels: hardly any in a still picture
        ALTER TABLE tracks ADD COLUMN change FLOAT;
        """,
    ),
    (
        "0004_roster",
        """
        -- No keys: a student is renamed by an update, and consent is replaced within one transaction.
        CREATE TABLE enrolled (
            course VARCHAR NOT NULL, student VARCHAR NOT NULL,
            picture VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
            embedding FLOAT[] NOT NULL, model VARCHAR NOT NULL, added_at TIMESTAMPTZ NOT NULL
        );
        CREATE TABLE consents (
            course VARCHAR NOT NULL, student VARCHAR NOT NULL, consent BOOLEAN NOT NULL,
            given DATE, expires DATE, withdrawn DATE
        );
        -- One row per track that a decision is about; the track is found again, in whatever run, by its place
        -- (pixels) and time in the recording. label: who it is from then on
        CREATE TABLE decisions (
            decision INTEGER NOT NULL, course VARCHAR NOT NULL, kind VARCHAR NOT NULL,
            student VARCHAR NOT NULL, label VARCHAR NOT NULL,
            recording VARCHAR NOT NULL, time_s DOUBLE NOT NULL, x FLOAT NOT NULL, y FLOAT NOT NULL,
            decided_at TIMESTAMPTZ NOT NULL
        );
        -- Numbers of pseudonyms that are gone. A names file may still know them, so nobody else gets them.
        CREATE TABLE retired (course VARCHAR NOT NULL, number INTEGER NOT NULL);
        """,
    ),
    (
        "0005_custody",
        """
        -- student: null when nobody in particular is meant, or after the student was forgotten
        CREATE TABLE audit (
            done_at TIMESTAMPTZ NOT NULL, command VARCHAR NOT NULL, course VARCHAR, lecture VARCHAR,
            student VARCHAR, what VARCHAR NOT NULL
        );
        -- Reports that were written, so that a student can be taken out of them again; course and
        -- lecture: what the report was narrowed down to, k: its smallest group
        CREATE TABLE sites (
            path VARCHAR PRIMARY KEY, rendered_at TIMESTAMPTZ NOT NULL,
            course VARCHAR, lecture VARCHAR, k INTEGER
        );
        -- faces of people without consent: nothing but their number is kept
        ALTER TABLE samples ADD COLUMN dropped INTEGER DEFAULT 0;
        -- Those who may be looked at today: with a run made under `consent = required`, everybody else is
        -- out of the public views from the day that consent ends.
        CREATE VIEW consenting AS
            SELECT course, student FROM consents GROUP BY course, student HAVING bool_and(
                consent AND coalesce(given <= current_date, true)
                AND coalesce(expires >= current_date, true) AND coalesce(withdrawn > current_date, true));
        CREATE OR REPLACE VIEW current_runs AS
            SELECT r.course, r.lecture, runs.*,
                coalesce(CASE WHEN json_valid(config) THEN json_extract_string(config, '$.consent.mode') END,
                    'off') AS consent
            FROM runs JOIN recordings r USING (recording) WHERE state = 'finished'
            QUALIFY row_number() OVER (PARTITION BY recording ORDER BY finished_at DESC, run) = 1;
        CREATE OR REPLACE VIEW frame_emotions AS
            SELECT c.course, c.lecture, c.recording, t.student, o.sample, s.time_s,
                o.x1, o.y1, o.x2, o.y2, o.detection, o.yaw_deg, o.pitch_deg, o.roll_deg,
                o.angry, o.disgust, o.fear, o.happy, o.sad, o.surprise, o.neutral, o.emotion, o.confidence
            FROM observations o JOIN current_runs c USING (run)
            JOIN samples s USING (run, sample) JOIN tracks t USING (track)
            WHERE c.consent = 'off' OR (c.course, t.student) IN (SELECT (course, student) FROM consenting);
        CREATE OR REPLACE VIEW samples_seen AS
            SELECT c.course, c.lecture, c.recording, s.sample, s.time_s, s.faces, s.dropped
            FROM samples s JOIN current_runs c USING (run);
        CREATE OR REPLACE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s
            FROM assessments a JOIN lectures USING (course, lecture, assessed_at)
            WHERE student IS NULL OR (course, student) IN (SELECT (course, student) FROM consenting)
                OR NOT EXISTS (FROM current_runs c WHERE c.course = a.course AND c.lecture = a.lecture
                    AND c.consent = 'required');
        """,
    ),
    (
        "0006_judgement",
        """
        ALTER TABLE assessments ADD COLUMN coverage DOUBLE;
        ALTER TABLE assessments ADD COLUMN low DOUBLE;  -- 95 % interval of the value
        ALTER TABLE assessments ADD COLUMN high DOUBLE;
        ALTER TABLE assessments ADD COLUMN spans VARCHAR;  -- JSON: [[start_s, end_s], ...]
        -- no lecture: said of a whole course; no course either: of all courses
        ALTER TABLE assessments ALTER COLUMN course DROP NOT NULL;
        CREATE OR REPLACE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s,
                coverage, low, high, spans
            FROM assessments a
            WHERE assessed_at = (SELECT max(l.assessed_at) FROM lectures l
                    WHERE (a.course IS NULL OR l.course = a.course)
                        AND (a.lecture IS NULL OR l.lecture = a.lecture))
                AND (student IS NULL OR (course, student) IN (SELECT (course, student) FROM consenting)
                    OR NOT EXISTS (FROM current_runs c WHERE (a.course IS NULL OR c.course = a.course)
                        AND (a.lecture IS NULL OR c.lecture = a.lecture) AND c.consent = 'required'));
        """,
    ),
    (
        "0007_segments",
        """
        ALTER TABLE segments ADD COLUMN difficulty VARCHAR DEFAULT '';
        ALTER TABLE segments ADD COLUMN point VARCHAR DEFAULT '';
        ALTER TABLE segments ADD COLUMN source VARCHAR DEFAULT '';  -- as asked for; empty: nobody asked
        CREATE TABLE syllabi (  -- what course.toml says of its lectures
            course VARCHAR, lecture VARCHAR, held DATE, instructor VARCHAR, topics VARCHAR[]
        );
        """,
    ),
    (
        "0008_agreed",
        """
        -- who could be seen when the lecture was judged, as a hash: see the view `agreed`
        ALTER TABLE lectures ADD COLUMN agreed VARCHAR;
        -- Of lectures analyzed under `consent = required`: a hash of the people in the public views today.
        CREATE VIEW agreed AS
            WITH shown AS (
                SELECT c.course, c.lecture,
                    CASE WHEN (c.course, t.student) IN (SELECT (course, student) FROM consenting)
                    THEN t.student END AS student
                FROM current_runs c LEFT JOIN tracks t USING (run) WHERE c.consent = 'required')
            SELECT course, lecture,
                md5(coalesce(string_agg(DISTINCT student, chr(10) ORDER BY student), '')) AS agreed
            FROM shown GROUP BY course, lecture;
        """,
    ),
    (
        "0009_said",
        """
        -- the message as data, to be said in other languages: JSON {"text": ..., "values": {...}}
        ALTER TABLE assessments ADD COLUMN said VARCHAR;
        CREATE OR REPLACE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s,
                coverage, low, high, spans, said
            FROM assessments a
            WHERE assessed_at = (SELECT max(l.assessed_at) FROM lectures l
                    WHERE (a.course IS NULL OR l.course = a.course)
                        AND (a.lecture IS NULL OR l.lecture = a.lecture))
                AND (student IS NULL OR (course, student) IN (SELECT (course, student) FROM consenting)
                    OR NOT EXISTS (FROM current_runs c WHERE (a.course IS NULL OR c.course = a.course)
                        AND (a.lecture IS NULL OR c.lecture = a.lecture) AND c.consent = 'required'));
        """,
    ),
    (
        "0010_further_labels",
        """
        -- labels beyond the seven that the classifier of some run has, each a column of `frame_emotions`
        CREATE TABLE further_labels (label VARCHAR PRIMARY KEY);
        INSERT INTO further_labels
            SELECT DISTINCT unnest(json_keys(any_value(others))) FROM observations GROUP BY run;
        """,
    ),
    (
        "0011_refused",
        """
        -- Students who said no, or had withdrawn by today: not to be stored, whatever an analysis asked for.
        -- A no has no end. Consent that expired or is not yet given is silence.
        CREATE VIEW refused AS
            SELECT DISTINCT course, student FROM consents
            WHERE coalesce(withdrawn <= current_date, NOT consent);
        -- Tracks of the current runs. `withheld`: on no page today, because the student refused, or because
        -- the run was made under `consent = required` and no consent is in force.
        CREATE VIEW current_tracks AS
            SELECT c.course, c.lecture, c.recording, c.consent, t.*,
                (c.course, t.student) IN (SELECT (course, student) FROM refused)
                OR (c.consent = 'required'
                    AND (c.course, t.student) NOT IN (SELECT (course, student) FROM consenting)) AS withheld
            FROM tracks t JOIN current_runs c USING (run);
        CREATE OR REPLACE VIEW samples_seen AS
            WITH hidden AS (
                SELECT run, sample, count(*)::INTEGER AS faces
                FROM observations JOIN current_tracks USING (run, track) WHERE withheld GROUP BY run, sample)
            SELECT c.course, c.lecture, c.recording, s.sample, s.time_s,
                s.faces - coalesce(h.faces, 0) AS faces,
                coalesce(s.dropped, 0) + coalesce(h.faces, 0) AS dropped
            FROM samples s JOIN current_runs c USING (run) LEFT JOIN hidden h USING (run, sample);
        CREATE OR REPLACE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s,
                coverage, low, high, spans, said
            FROM assessments a
            WHERE assessed_at = (SELECT max(l.assessed_at) FROM lectures l
                    WHERE (a.course IS NULL OR l.course = a.course)
                        AND (a.lecture IS NULL OR l.lecture = a.lecture))
                AND (student IS NULL OR (course, student) IN (SELECT (course, student) FROM consenting)
                    OR NOT EXISTS (FROM current_runs c WHERE (a.course IS NULL OR c.course = a.course)
                        AND (a.lecture IS NULL OR c.lecture = a.lecture) AND c.consent = 'required'))
                AND NOT EXISTS (FROM refused r
                    WHERE r.student = a.student AND (a.course IS NULL OR r.course = a.course));
        -- A hash of the students shown today where consent is required, and of those left out elsewhere (a
        -- tab, which no name has, tells these apart); null where nobody is left out.
        CREATE OR REPLACE VIEW agreed AS
            WITH marked AS (
                SELECT run, CASE WHEN consent = 'required' THEN CASE WHEN NOT withheld THEN student END
                    WHEN withheld THEN chr(9) || student END AS mark
                FROM current_tracks)
            SELECT course, lecture,
                CASE WHEN bool_or(consent = 'required') OR count(mark) > 0
                THEN md5(coalesce(string_agg(DISTINCT mark, chr(10) ORDER BY mark), '')) END AS agreed
            FROM current_runs LEFT JOIN marked USING (run) GROUP BY course, lecture;
        """,
    ),
    (
        "0012_unique_names",
        """
        -- The classifier `faceapi`, a namesake of the encoder, has another name now.
        UPDATE runs
            SET config = json_merge_patch(config, '{"classifier": {"name": "faceapi-expression"}}')::VARCHAR
            WHERE CASE WHEN json_valid(config)
                THEN json_extract_string(config, '$.classifier.name') = 'faceapi' ELSE false END;
        """,
    ),
    (
        "0013_rules",
        """
        -- What each rule that judged declares: the place of a report that it fills, and what its advice is
        -- about. Of several rules that fill one place, the one of the highest position does.
        CREATE TABLE rules (
            rule VARCHAR, version VARCHAR, feeds VARCHAR, advises VARCHAR, position INTEGER,
            PRIMARY KEY (rule, version)
        );
        INSERT INTO rules
            SELECT DISTINCT rule, version, feeds, advises, 0
            FROM assessments JOIN (VALUES
                ('lost-moments', 'lost moments', NULL),
                ('good-moments', 'good moments', NULL),
                ('hard-points', 'hard points', NULL),
                ('preference', 'recommendation', NULL),
                ('state', 'feedback', 'negative'),
                ('difficulty', NULL, 'difficult'),
                ('involvement', NULL, 'lowered'),
                ('presence', NULL, 'unseen'),
                ('focus', NULL, 'unseen'),
                ('concentration', NULL, 'index')
            ) known (rule, feeds, advises) USING (rule);
        -- The latest assessments as reports read them; the public view has some of the columns.
        CREATE VIEW assessments_shown AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s,
                coverage, low, high, spans, said, evidence, feeds, advises, position
            FROM assessments a LEFT JOIN rules USING (rule, version)
            WHERE assessed_at = (SELECT max(l.assessed_at) FROM lectures l
                    WHERE (a.course IS NULL OR l.course = a.course)
                        AND (a.lecture IS NULL OR l.lecture = a.lecture))
                AND (student IS NULL OR (course, student) IN (SELECT (course, student) FROM consenting)
                    OR NOT EXISTS (FROM current_runs c WHERE (a.course IS NULL OR c.course = a.course)
                        AND (a.lecture IS NULL OR c.lecture = a.lecture) AND c.consent = 'required'))
                AND NOT EXISTS (FROM refused r
                    WHERE r.student = a.student AND (a.course IS NULL OR r.course = a.course));
        CREATE OR REPLACE VIEW assessments_latest AS
            SELECT course, lecture, segment, student, rule, value, level, message, start_s, end_s,
                coverage, low, high, spans, said
            FROM assessments_shown;
        """,
    ),
]


def probability(label: str) -> str:
    """The probability of a further label, as SQL over `observations`."""
    return f"CAST(others ->> '{label}' AS FLOAT)"


def frame_emotions(further: Sequence[str]) -> str:
    """The view of all faces, with a column for each further label. It replaces those in MIGRATIONS and is
    made with the last of them: a change here needs a migration to reach databases that exist."""
    more = "".join(f', {probability(label)} AS "{label}"' for label in further)
    return f"""
        CREATE OR REPLACE VIEW frame_emotions AS
            SELECT t.course, t.lecture, t.recording, t.student, o.sample, s.time_s,
                o.x1, o.y1, o.x2, o.y2, o.detection, o.yaw_deg, o.pitch_deg, o.roll_deg,
                o.angry, o.disgust, o.fear, o.happy, o.sad, o.surprise, o.neutral, o.emotion, o.confidence
                {more}
            FROM observations o JOIN current_tracks t USING (run, track) JOIN samples s USING (run, sample)
            WHERE NOT t.withheld"""  # noqa: S608
