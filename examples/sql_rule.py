"""A rule as one SQL query: fertool assess --plugin examples/sql_rule.py"""

from dataclasses import dataclass, field

from fertool import SqlRule, hookimpl


@dataclass
class Sleepy(SqlRule):
    """value = samples with the head bowed / samples with a measured head pose."""

    name, version = "sleepy", "1"
    signals = frozenset({"presence", "pose"})
    pitch_deg: float = field(default=-20.0, metadata={"help": "below this angle a head counts as bowed"})
    sql = """
        SELECT
            avg((pitch_deg < $pitch_deg)::INT) AS value,
            CASE WHEN value > 0.5 THEN 'attention' WHEN value IS NOT NULL THEN 'good' END AS level,
            count(pitch_deg) AS samples
        FROM seen
    """


@hookimpl
def fertool_plugins():
    return [Sleepy]
