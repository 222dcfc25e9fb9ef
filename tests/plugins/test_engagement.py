"""`engagement` on timelines whose shares were counted by hand."""

import polars as pl
import pytest

from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.engagement import Engagement


def judged(spec, every="1s", **options):
    return Engagement(**options).assess(timeline(spec, every), context())


SHARES = [
    ("neutral*10", 0.0),
    ("happy*10", 1.0),
    ("happy*3 surprise*2 neutral*5", 0.5),
    ("happy*2 neutral*2 absent*4", 0.5),  # of what was measured, which is exactly half
    ("happy", 1.0),
    ("sad angry fear disgust happy", 0.2),
]


@pytest.mark.parametrize(("spec", "value"), SHARES)
@pytest.mark.parametrize("every", ["1s", "250ms"])
def test_the_share_of_happy_or_surprised(spec, value, every):
    one = judged(spec, every)
    assert one.value == pytest.approx(value)
    assert one.level == "info"


def test_it_says_how_sure_it_is_and_where():
    one = judged("neutral*100 happy*50 absent*50")
    assert one.value == pytest.approx(1 / 3)
    assert one.coverage == 0.75
    assert one.spans == ((100.0, 150.0),)
    assert one.interval[0] < 1 / 3 < one.interval[1]
    assert one.evidence == {"measured": 150, "samples": 200, "count": 50}
    assert str(one.message) == "happy or surprised in 33% of 150 measured samples"


SILENT = [
    # timeline, options, coverage
    ("happy*4 absent*5", {}, 4 / 9),
    ("absent*9", {}, 0.0),
    ("absent", {"floor": 0.0}, 0.0),  # no floor at all does not make something of nothing
    ("happy*8 present*2", {"floor": 0.9}, 0.8),
]


@pytest.mark.parametrize(("spec", "options", "coverage"), SILENT)
def test_too_little_is_not_measurable(spec, options, coverage):
    one = judged(spec, **options)
    assert (one.value, one.level) == (None, "not measurable")
    assert one.coverage == pytest.approx(coverage)


def test_an_empty_table_says_nothing():
    assert Engagement().assess(pl.DataFrame(schema=SEEN), context()) is None
