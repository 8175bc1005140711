"""Learners of lots, the simplest first: rows and an outcome in, a model that gives each row a number out.

`task` regression: the number is the result; classification (outcome 0 or 1): a margin, larger for bad lots.
Invariant: a row's number does not depend on the other rows of the call, to the bit.
Sources: Hoerl, Kennard (1970), ridge; Wold et al. (2001), PLS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learner_lightgbm import Boosted
from detectors.learner_logistic import fitted as logistic_weights
from detectors.learners import Examples
from detectors.quality_committee import Committee, committee_of
from detectors.quality_design import Design, Task
from detectors.quality_forest import Forest, forest_of

Floats = NDArray[np.float64]
ALPHAS: Final = tuple(10.0**k for k in (0, 1, 1.5, 2, 2.5, 3, 3.5))
STRENGTHS: Final = (1e-2, 1e-1, 1.0)  # of the logistic ridge, per row
BOOSTED: Final[Mapping[str, Any]] = {"num_leaves": 7, "learning_rate": 0.05, "rounds": 120, "min_child_samples": 20}


class QualityModel(Protocol):
    """A fitted learner; its columns are those that it was fitted on, in their order."""

    def predict(self, values: Floats) -> Floats:
        """Return a number for each row, (n,)."""
        ...

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """Return a base and each column's part (n, columns): base + their sum = the number."""
        ...

    def dump(self) -> dict[str, bytes]:
        """Return its parts by name; equal fits give equal bytes."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """number = intercept + design @ weight."""

    design: Design
    weight: Floats
    intercept: float

    def predict(self, values: Floats) -> Floats:
        """Return the sums of the terms."""
        return np.asarray((self.design(values) * self.weight).sum(axis=1) + self.intercept)

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """The terms themselves."""
        return self.intercept, self.design.by_column(self.design(values) * self.weight)

    def dump(self) -> dict[str, bytes]:
        """Return the arrays and the intercept."""
        arrays = {**self.design.arrays, "weight": self.weight, "intercept": np.array([self.intercept])}
        return {f"linear.{name}.npy": p.write_array(a) for name, a in arrays.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Last:
    """The last known result itself; the training mean where there is none."""

    mean: float

    def predict(self, values: Floats) -> Floats:
        """Return the first column."""
        return np.where(np.isfinite(values[:, 0]), values[:, 0], self.mean)

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """Distance from the mean."""
        found = np.zeros(values.shape)
        found[:, 0] = self.predict(values) - self.mean
        return self.mean, found

    def dump(self) -> dict[str, bytes]:
        """Return the mean."""
        return {"last.json": p.write_json({"mean": self.mean})}


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Boosted trees as they are."""

    boosted: Boosted

    def predict(self, values: Floats) -> Floats:
        """Return the trees' sums."""
        return self.boosted.margin(np.ascontiguousarray(values))

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """LightGBM's own."""
        if not len(values):
            return 0.0, np.zeros(values.shape)
        return self.boosted.contributions(np.ascontiguousarray(values))

    def dump(self) -> dict[str, bytes]:
        """Return the text."""
        return self.boosted.dump()


Fit = Callable[[Floats, Floats, Task, Mapping[str, Any], int], QualityModel]


def constant(values: Floats, outcome: Floats, _task: Task, _setting: Mapping[str, Any], _seed: int) -> Linear:
    """The mean of the outcome, whatever the columns say."""
    design = Design.of(values)
    n = len(design.arrays["median"]) + len(design.arrays["holes"])
    return Linear(design, np.zeros(n), float(outcome.mean()))


def last(values: Floats, outcome: Floats, task: Task, setting: Mapping[str, Any], seed: int) -> QualityModel:
    """Persistence; of a class, what the share of bad lots among the newest says of it: the more of them, the worse, for
    chance that says the contrary would turn it round.
    """
    if task == "regression":
        return Last(float(outcome.mean()))
    told = ridge(values, outcome, task, setting, seed)
    return replace(told, weight=np.maximum(told.weight, 0.0))


def ridge(values: Floats, outcome: Floats, task: Task, setting: Mapping[str, Any], _seed: int) -> Linear:
    """Ridge by generalised cross-validation; of classes a logistic ridge, in which both weigh alike."""
    design = Design.of(values)
    z = design(values)
    if task == "classification":
        return Linear(design, logistic_weights(z, outcome, float(setting.get("strength", STRENGTHS[1]))), 0.0)
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=ALPHAS).fit(z, outcome)
    return Linear(design, np.asarray(model.coef_, dtype=np.float64), float(model.intercept_))


def pls(values: Floats, outcome: Floats, task: Task, setting: Mapping[str, Any], _seed: int) -> Linear:
    """Partial least squares, of so many components."""
    from sklearn.cross_decomposition import PLSRegression

    design = Design.of(values)
    z = design(values)
    z = z - z.mean(axis=0)
    target = _balanced(outcome) if task == "classification" else outcome
    n = min(int(setting.get("components", 2)), z.shape[1], len(z) - 1)
    weight = PLSRegression(n, scale=False).fit(z, target).coef_.ravel()
    centre = design(values).mean(axis=0)
    return Linear(design, np.asarray(weight, dtype=np.float64), float(target.mean() - centre @ weight))


def kernel(values: Floats, outcome: Floats, task: Task, setting: Mapping[str, Any], seed: int) -> Committee:
    """Kernel machines that choose their columns themselves: see `committee_of`."""
    return committee_of(values, outcome, task, str(setting.get("by", "near")), seed)


def forest(values: Floats, outcome: Floats, task: Task, _setting: Mapping[str, Any], seed: int) -> Forest:
    """Many randomised trees: see `forest_of`."""
    return forest_of(values, outcome, task, seed)


def trees(values: Floats, outcome: Floats, task: Task, setting: Mapping[str, Any], seed: int) -> Trees:
    """Boosted trees; of classes with both weighing alike."""
    asked: dict[str, Any] = {**BOOSTED, **setting, "objective": "regression" if task == "regression" else "binary"}
    if task == "classification":
        asked["scale_pos_weight"] = float((1 - outcome).sum() / max(outcome.sum(), 1))
    return Trees(Boosted.fit(Boosted.prepare(Examples(values, outcome, (), seed)), asked))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A learner. takes: which columns: `any` one, the `last` result, `lab` history, what is `relevant`, or `every` one,
    of which it chooses.
    """

    fit: Fit
    takes: Literal["any", "last", "lab", "relevant", "every"]
    settings: Mapping[Task, Sequence[Mapping[str, Any]]]


NOTHING: Final[Mapping[Task, Sequence[Mapping[str, Any]]]] = {"regression": ({},), "classification": ({},)}
RIDGE: Final[Mapping[Task, Sequence[Mapping[str, Any]]]] = {
    "regression": ({},),
    "classification": tuple({"strength": s} for s in STRENGTHS),
}
COMPONENTS: Final = tuple({"components": n} for n in (1, 2, 4))
SCREENS: Final = ({"by": "near"}, {"by": "apart"})  # lines differ in which finds what matters
CANDIDATES: Final[Mapping[str, Candidate]] = {  # the simplest first
    "mean": Candidate(constant, "any", NOTHING),
    "persistence": Candidate(last, "last", NOTHING),
    "lab": Candidate(ridge, "lab", RIDGE),
    "ridge": Candidate(ridge, "relevant", RIDGE),
    "pls": Candidate(pls, "relevant", {"regression": COMPONENTS, "classification": COMPONENTS}),
    "forest": Candidate(forest, "every", NOTHING),
    "kernel": Candidate(kernel, "every", {"regression": ({},), "classification": SCREENS}),
    "lightgbm": Candidate(trees, "relevant", NOTHING),
}
BLEND: Final = "blend"


def load_model(parts: Mapping[str, bytes]) -> QualityModel:
    """Rebuild a model from its `dump`; raises ValueError where a part is missing or damaged."""
    kind = min(parts, default="").partition(".")[0]
    if kind == "linear":
        intercept = float(p.read_array(parts, "linear.intercept.npy")[0])
        return Linear(Design.load(parts, kind), p.read_array(parts, "linear.weight.npy"), intercept)
    if kind == "forest":
        return Forest.load(parts)
    if kind == "committee":
        return Committee.load(parts)
    if kind == "last":
        return Last(float(p.read_json(parts, "last.json")["mean"]))
    return Trees(Boosted.load(parts))


def _balanced(outcome: Floats) -> Floats:
    """Return targets of mean 0 for least squares, by which both classes weigh alike."""
    share = min(max(float(outcome.mean()), 1.0 / len(outcome)), 1 - 1.0 / len(outcome))
    return np.where(outcome == 1, 0.5 / share, -0.5 / (1 - share))
