"""Examples in, learners out. `LEARNERS`: name -> module and class, the simplest first; imported when asked for.

A learner gives each row a margin, a sum of contributions of its columns. What it means as a probability is said by
`detectors.calibration`. Invariant: a row's margin does not depend on the other rows of the call, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Final, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from domain.vectors import SAMPLE, FeatureName

LEARNERS: Final[Mapping[str, tuple[str, str]]] = {
    "rule": ("learner_rule", "SingleLimit"),
    "logistic": ("learner_logistic", "Logistic"),
    "lightgbm": ("learner_lightgbm", "Boosted"),
    "extra_trees": ("learner_extra_trees", "ExtraTrees"),
    "minirocket": ("learner_minirocket", "MiniRocket"),
    "blend": ("learner_blend", "Blend"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows to learn from. values: float64 (n, names), NaN = missing; label: 0 or 1 (n,).

    bins: into how many of about equal rows a column is cut at most, by learners that cut it.
    """

    values: NDArray[np.float64]
    label: NDArray[np.float64]
    names: tuple[FeatureName, ...]
    seed: int
    bins: int = 255


class Learner(Protocol):
    """Something that was fitted to examples. Its columns are those of the examples, in their order."""

    needs: ClassVar[Literal["vectors", "windows"]]

    @staticmethod
    def settings(n: int, seed: int) -> Sequence[Mapping[str, Any]]:
        """Return up to n settings that are worth a trial, the usual one first."""
        ...

    @staticmethod
    def prepare(examples: Examples) -> Any:
        """Return what all settings share, e.g. binned data."""
        ...

    @classmethod
    def fit(cls, prepared: Any, setting: Mapping[str, Any]) -> Self:
        """Fit one setting; raises TrainingError where the setting is refused."""
        ...

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the margins of rows, (n,)."""
        ...

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return a base and each column's part of the margin (n, columns): base + their sum = margin."""
        ...

    def dump(self) -> dict[str, bytes]:
        """Return its parts by name; equal fits give equal bytes."""
        ...

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        ...


def learner_class(name: str) -> type[Learner]:
    """Return the class of a learner; raises KeyError for one that is not in LEARNERS."""
    module, found = LEARNERS[name]
    kind: type[Learner] = getattr(import_module(f"detectors.{module}"), found)
    return kind


def is_sample(name: FeatureName) -> bool:
    """Return whether a feature is one raw value of a window, and not a number about the whole of it."""
    return name.calculator == SAMPLE


def filled(values: NDArray[np.float64], median: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values in C order, with the median in place of what is missing or infinite."""
    return np.ascontiguousarray(np.where(np.isfinite(values), values, median))


def medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each column's median of what is there, 0 where nothing is."""
    is_there = np.isfinite(values)
    return np.array([np.median(c[m]) if m.any() else 0.0 for c, m in zip(values.T, is_there.T, strict=True)])
