"""Table -> columns that two analyses of the same recordings have in common: all but times and seconds."""

from __future__ import annotations

ROWS = {
    "chunks": "run, chunk",
    "samples": "*",
    "tracks": "*",
    "observations": "*",
    "students": "*",
    "segments": "*",
    "assessments": "* EXCLUDE (assessed_at)",
    "runs": "run, recording, state, policy, config, planned, notes",
    "recordings": "*",
}
