"""Which group figures are about too few people to be shown. Pure.

Hiding a small group is not enough: where a total is known too, one hidden part is the total less the others.
So whatever is hidden is hidden in company, and together the hidden parts are about k people or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def too_small(people: int, k: int) -> bool:
    """A figure about some, but fewer than k. About nobody there is nothing to protect."""
    return 0 < people < k


def hidden(people: Sequence[int], k: int) -> list[bool]:
    """Which parts of a whole to hide when the figure of the whole is shown.

    `people`: number of different persons behind each part, in any order; the parts may share persons, as the
    segments of a lecture do. A part about nobody is never hidden, and never company. Beside the small ones,
    the smallest others are hidden, the first of equals, until at least two are and they add up to k persons;
    or until no other is left.
    """
    hide = [too_small(n, k) for n in people]
    others = sorted((n, i) for i, n in enumerate(people) if n >= k)
    while any(hide) and others and not _covered(people, hide, k):
        hide[others.pop(0)[1]] = True
    return hide


def _covered(people: Sequence[int], hide: Sequence[bool], k: int) -> bool:
    chosen = [n for n, is_hidden in zip(people, hide, strict=True) if is_hidden]
    return len(chosen) >= 2 and sum(chosen) >= k
