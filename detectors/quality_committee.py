"""Lots to the mean of kernel machines, each of which chose its columns itself.

Of good and bad lots many machines are drawn: each sees all but a few of the bad lots and some of the good ones, takes
the columns that tell them apart there, and a size and width by chance. With few bad lots what is chosen is chance, and
the mean of many choices is steadier than the best. A number is told by one machine.
Sources: Breiman (1996), bagging; Liu, Wu, Zhou (2009), EasyEnsemble.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.quality_design import Design, Task, class_weights
from detectors.quality_kernel import Kernel, apartness, kernel_of, looked_at, nearness

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MACHINES: Final = 24
SHARE_BAD: Final = 0.8
GOOD_PER_BAD: Final = 3
SIZES: Final = (25, 60, 150)  # columns
WIDTHS: Final = (1.0, 3.0)
STRENGTH: Final = 3.0
OF_NUMBERS: Final = (50, 1.0, 0.3)  # columns, width, strength


@dataclass(frozen=True, slots=True, eq=False)
class Smooth:
    """A kernel machine over a design of some columns."""

    columns: Ints
    design: Design
    kernel: Kernel

    def predict(self, values: Floats) -> Floats:
        """Return the kernel machine's numbers of rows with all columns."""
        return self.kernel.predict(self.design(values[:, self.columns]))

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """What each column takes away when set to its usual value; what none takes alone is shared by that."""
        design, own = self.design, values[:, self.columns]
        usual = design(design.arrays["median"][None])
        base = float(self.kernel.predict(usual)[0])
        z = design(own)
        whole = self.kernel.predict(z)
        owner = np.concatenate([np.arange(own.shape[1]), design.arrays["holes"]])
        taken = whole[:, None] - self.kernel.without(z, usual[0], owner)
        size = np.abs(taken) + 1e-12
        rest = (whole - base - taken.sum(axis=1))[:, None]
        found = np.zeros(values.shape)
        found[:, self.columns] = taken + rest * size / size.sum(axis=1, keepdims=True)
        return base, found


@dataclass(frozen=True, slots=True, eq=False)
class Committee:
    """The mean of kernel machines."""

    machines: tuple[Smooth, ...]

    @property
    def used(self) -> Ints:
        """The columns that any machine takes."""
        return np.unique(np.concatenate([m.columns for m in self.machines]))

    def over(self, used: Ints) -> Committee:
        """Return the same committee for values that have these columns only."""
        machines = (Smooth(np.searchsorted(used, m.columns), m.design, m.kernel) for m in self.machines)
        return Committee(tuple(machines))

    def predict(self, values: Floats) -> Floats:
        """Return the mean of the machines, summed one by one, for numpy's mean may round by the number of rows."""
        total = np.zeros(len(values))
        for m in self.machines:
            total += m.predict(values)
        return total / len(self.machines)

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """Return the mean of the machines' own."""
        base, total = 0.0, np.zeros(values.shape)
        for m in self.machines:
            own, found = m.contributions(values)
            base += own
            total += found
        return base / len(self.machines), total / len(self.machines)

    def dump(self) -> dict[str, bytes]:
        """Return the arrays of each machine."""
        return {
            f"committee.{i}/smooth.{name}.npy": p.write_array(array)
            for i, m in enumerate(self.machines)
            for name, array in {"columns": m.columns, **m.design.arrays, **m.kernel.arrays}.items()
        }

    @staticmethod
    def load(parts: Mapping[str, bytes]) -> Committee:
        """Rebuild from parts."""
        machines = []
        for i in range(len({name.partition("/")[0] for name in parts})):
            own = p.below(parts, f"committee.{i}")
            kernel = Kernel({name: p.read_array(own, f"smooth.{name}.npy") for name in Kernel.NAMES})
            machines.append(Smooth(p.read_array(own, "smooth.columns.npy"), Design.load(own, "smooth"), kernel))
        return Committee(tuple(machines))


def committee_of(values: Floats, outcome: Floats, task: Task, by: str, seed: int) -> Committee:
    """Fit on rows with all columns. by: how bad lots are told apart, `near` lots (ReliefF) or by their means (`apart`);
    numbers by `near` alone.
    """
    random = np.random.default_rng(seed)
    if task == "regression":
        some = looked_at(outcome, seed)
        design = Design.of(values[some])
        worth = nearness(design(values[some]), outcome[some], seed)
        size, width, strength = OF_NUMBERS
        taken = _first(_by_column(design, worth), size)
        return Committee((_machine(values, outcome, task, taken, (width, strength), seed),))
    design = Design.of(values)
    z = design(values)
    bad, good = np.flatnonzero(outcome == 1), np.flatnonzero(outcome == 0)
    n_bad = max(2, round(SHARE_BAD * len(bad)))
    n_good = min(len(good), GOOD_PER_BAD * n_bad)
    machines = []
    for _ in range(MACHINES):
        rows = np.concatenate([random.choice(some, n, replace=False) for some, n in ((bad, n_bad), (good, n_good))])
        worth = apartness(z[rows], outcome[rows]) if by == "apart" else nearness(z[rows], outcome[rows], seed)
        taken = _first(_by_column(design, worth), int(random.choice(SIZES)))
        shape = (float(random.choice(WIDTHS)), STRENGTH)
        machines.append(_machine(values[rows], outcome[rows], task, taken, shape, seed))
    return Committee(tuple(machines))


def best_columns(values: Floats, outcome: Floats, n: int) -> Ints:
    """Return up to n columns whose means are furthest apart in both halves of the outcome, in their order; none that
    does not vary.
    """
    design = Design.of(values)
    worth = _by_column(design, apartness(design(values), outcome))
    return _first(worth, min(n, int((worth > 0).sum())))


def _machine(
    values: Floats, outcome: Floats, task: Task, columns: Ints, shape: tuple[float, float], seed: int
) -> Smooth:
    own = values[:, columns]
    design = Design.of(own)
    is_class = task == "classification"
    target = 2 * outcome - 1 if is_class else outcome
    weight = class_weights(outcome) if is_class else np.ones(len(outcome))
    return Smooth(columns, design, kernel_of(design(own), target, weight, *shape, seed))


def _by_column(design: Design, worth: Floats) -> Floats:
    """Return the worth of columns by that of their terms; a column is worth what its indicator is, if that is more."""
    by_column = worth[: len(design.arrays["median"])].copy()
    np.maximum.at(by_column, design.arrays["holes"], worth[len(by_column) :])
    return by_column


def _first(worth: Floats, n: int) -> Ints:
    """Return the n best columns, in their order."""
    return np.sort(np.argsort(-worth, kind="stable")[:n])
