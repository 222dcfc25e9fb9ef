"""Suppression of class figures about too few students, complementary cells included. Pure.

**The rule.** A figure of the class (a share, a count, an interval) is about the students that it is counted
over: those in its denominator. "2 of 5 negative" is about five students; "negative in half of the samples
with an expression" is about those whose expression was read, however many were seen. It is shown if they are
at least k. If they are nobody, there is nothing to show.

Hiding a small group is not enough. Where the figure of a whole is known too, a hidden part is the whole less
the other parts. So a small part is hidden in company: at least two parts, with at least k students together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

Reason = Literal["few", "subtraction"]
"""Why a figure is held back: it is about fewer than k students, or another one could be computed from it."""


def too_small(people: int, k: int) -> bool:
    """Whether a figure is about somebody, but about fewer than k."""
    return 0 < people < k


def suppressed(parts: Sequence[AbstractSet[str]], k: int) -> list[Reason | None]:
    """Why each part of a whole is held back when the figure of the whole is shown; None: it is shown.

    `parts`: the students behind each part, in any order; parts may share students, as the segments of a
    lecture do. Small parts are held back as `few`. Where they are one part only, or fewer than k students
    together, the smallest other part (the first of equals) is held back as `subtraction`, if there is one.
    A part about nobody is never held back.
    """
    why: list[Reason | None] = ["few" if too_small(len(part), k) else None for part in parts]
    small = [part for part, reason in zip(parts, why, strict=True) if reason]
    others = [i for i, part in enumerate(parts) if len(part) >= k]
    if small and others and (len(small) < 2 or len(set().union(*small)) < k):
        why[min(others, key=lambda i: len(parts[i]))] = "subtraction"
    return why
