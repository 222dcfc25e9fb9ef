"""A rule of your own: fertool assess --plugin examples/longest_absence.py"""

from fertool import Assessment, Rule, hookimpl


class LongestAbsence(Rule):
    name, version = "longest-absence", "1"

    def assess(self, seen, context):
        runs = seen["present"].rle().struct.unnest()
        longest = runs.filter(~runs["value"])["len"].max() or 0
        return Assessment(longest * context.period_s, message=f"away for {longest} samples at a time")


@hookimpl
def fertool_plugins():
    return [LongestAbsence]
