"""What the columns of a class's lots are for, and which of their results are bad."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

EVENT_STRATA: Final = ("product", "shift", "mode")  # kinds of events whose code at a lot's end is a stratum
MOST_LEVELS: Final = 20  # different texts of a column that divides lots; one with more names the lots themselves


@dataclass(frozen=True, slots=True)
class LotColumns:
    """Of one class; each is names or patterns of process values, and for `controllable` names of tags as well.

    forbidden: values and texts that are known only with the result, so never an input. controllable: what people can
    set. strata: text columns of lots, and kinds of events (`EVENT_STRATA`), in each of which an effect must hold.
    """

    forbidden: tuple[str, ...] = ()
    controllable: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()

    def is_forbidden(self, name: str) -> bool:
        """Return whether a process value or a text may not be an input."""
        return _is_named(name, self.forbidden)

    def is_controllable(self, source: str) -> bool:
        """Return whether people can set a tag or a process value."""
        return _is_named(source, self.controllable)


@dataclass(frozen=True, slots=True)
class Judged:
    """How one result is judged. It is bad above `bad_above` and below `bad_below`; None = no such limit.

    labs: whose value counts where several tell one, the first first; of labs that are not named the latest counts,
    after those that are.
    """

    name: str
    bad_above: float | None = None
    bad_below: float | None = None
    labs: tuple[str, ...] = ()

    @property
    def has_limits(self) -> bool:
        """Whether a number can be said to be bad."""
        return self.bad_above is not None or self.bad_below is not None

    def is_bad(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers are bad; without limits a result is 0 (good) or anything else (bad)."""
        if not self.has_limits:
            return np.asarray((values != 0) & ~np.isnan(values))
        above = np.inf if self.bad_above is None else self.bad_above
        below = -np.inf if self.bad_below is None else self.bad_below
        return np.asarray((values > above) | (values < below))

    def rank(self, lab: str) -> int:
        """Return a lab's place: 0 counts before all others."""
        return self.labs.index(lab) if lab in self.labs else len(self.labs)


def _is_named(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
