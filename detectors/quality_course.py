"""Learners of lots on the same folds, and which of them is taken: the simplest readable one within noise of the best,
or else the best.

Everything that learns (columns, scaling, settings, calibration) sees the rows that its fold trains on alone. Loss:
squared error of a result; of a class the log-loss of calibrated odds, both classes weighing alike.
Within noise: not worse than the best by more than one standard error of the difference, over stretches of lots.
Source: Breiman et al. (1984), CART, the one-standard-error rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import Line, line_of
from detectors.folds import Fold
from detectors.quality_committee import Committee, best_columns
from detectors.quality_design import Task
from detectors.quality_learners import BLEND, CANDIDATES, QualityModel
from domain.scores import TrainingAids, TrainingError
from domain.vectors import Training

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PLAIN: Final = Line(0.0, 1.0)
MAX_COLUMNS: Final = 120
FEWEST_COLUMNS: Final = 40
STRETCHES: Final = 40
BLENDED: Final = 3
SIMPLE: Final = ("mean", "persistence")
READABLE: Final = (*SIMPLE, "lab", "ridge", "pls")  # a weight a column
FEWEST: Final = 20  # lots that a fold trains on


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A fitted learner, the columns of the training that it takes, and the line from its number to the score's."""

    name: str
    model: QualityModel
    columns: Ints
    line: Line

    def raw(self, values: Floats) -> Floats:
        """Return the result, or the log-odds of a bad lot, of rows with all columns of the training."""
        return self.line.log_odds(self.model.predict(values[:, self.columns]))


@dataclass(frozen=True, slots=True)
class Part:
    """A learner with a setting, the line from its number to the score's, and its share of the score."""

    name: str
    setting: Mapping[str, Any]
    line: Line
    share: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A learner's settings, or several learners, whose parts are added by their shares, which sum to 1.

    raw: out of fold, NaN where no fold tested; loss: by stretch of lots.
    """

    name: str
    parts: tuple[Part, ...]
    raw: Floats
    loss: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What the learners compete on."""

    training: Training
    task: Task
    folds: tuple[Fold, ...]
    columns: tuple[Mapping[str, Ints], ...]
    aids: TrainingAids

    @staticmethod
    def of(training: Training, folds: Sequence[Fold], aids: TrainingAids) -> Course:
        """Choose the columns of each fold; raises TrainingError where no fold holds lots enough."""
        task = task_of(training.outcome)
        usable = tuple(f for f in folds if len(f[1]) and _suffices(training.outcome[f[0]], task))
        if not usable:
            raise TrainingError("no part of the history leaves lots enough to learn from, of every kind of outcome")
        return Course(training, task, usable, tuple(columns_of(training, f[0], aids) for f in usable), aids)

    @property
    def tested(self) -> Ints:
        """The rows that are tested, in order of the lots' ends."""
        rows = np.unique(np.concatenate([test for _, test in self.folds]))
        return np.asarray(rows[np.argsort(self.training.vectors.end[rows], kind="stable")])


def task_of(outcome: Floats) -> Task:
    """Return whether lots are told good (0) from bad (1), or a number is predicted."""
    return "classification" if np.isin(outcome, (0.0, 1.0)).all() else "regression"


def _suffices(outcome: Floats, task: Task) -> bool:
    if task == "classification":
        return len(outcome) >= FEWEST and bool(2 <= outcome.sum() <= len(outcome) - 2)
    return len(outcome) >= FEWEST


def columns_of(training: Training, rows: Ints, aids: TrainingAids) -> dict[str, Ints]:
    """Return the columns by what a candidate takes, chosen on these rows alone."""
    names = training.vectors.names
    lab = np.array([i for i, n in enumerate(names) if n.origin == "lab"], dtype=np.int64)
    values, outcome = training.vectors.values[rows], training.outcome[rows]
    chosen = np.asarray(aids.select(values, outcome, names, training.group[rows]), dtype=np.int64)[:MAX_COLUMNS]
    if len(chosen) < FEWEST_COLUMNS:  # what no column proves alone, several may tell together
        chosen = np.union1d(chosen, best_columns(values, outcome, FEWEST_COLUMNS))
    newest = "recent" if task_of(training.outcome) == "classification" else "last"
    last = np.array([i for i in lab if names[i].calculator == newest], dtype=np.int64)[:1]
    any_one = lab[:1] if len(lab) else np.arange(min(1, len(names)))
    return {"any": any_one, "last": last, "lab": lab, "relevant": np.sort(chosen), "every": np.arange(len(names))}


def compete(course: Course, names: Sequence[str], beside: Sequence[str] = ()) -> list[Entry]:
    """Return the entries, the simplest first. beside: learners that stand beside the others, and are in no blend unless
    they are among `names` as well.
    """
    found: list[Entry] = []
    for name in [n for n in CANDIDATES if n in (*names, *beside)]:
        takes = CANDIDATES[name].takes
        if takes in ("last", "lab") and not len(course.columns[0][takes]):
            continue
        if any(not len(c[takes]) for c in course.columns):
            continue
        found.append(_entered(course, name))
    blended = _blended([e for e in found if e.name in names], course.task)
    if BLEND in names and len(blended) > 1:
        found.append(_joined(course, BLEND, blended))
    return found


def _blended(entries: Sequence[Entry], task: Task) -> list[Entry]:
    """Return what a blend is of: of numbers the best few; of classes all that cannot be told from the best, for of few
    bad lots which of those is best is chance.
    """
    if task == "regression":
        return sorted((e for e in entries if e.name not in SIMPLE), key=_total)[:BLENDED]
    telling = [e for e in entries if e.name != "mean"]
    return alike(telling) if telling else []


def alike(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries within one standard error of the best, in their order."""
    best = min(entries, key=_total)
    return [e for e in entries if gap(e, best)[0] <= gap(e, best)[1]]


def winner(entries: Sequence[Entry], task: Task) -> Entry:
    """Return the entry to take, of those within one standard error of the best.

    Of numbers the simplest, if people can read it, or else the best: of those that nobody can read none is simple. Of
    classes the blend: see `_blended`; or the best, where there is none; the mean only if that is best, for it tells no
    lot from another.
    """
    best = min(entries, key=_total)
    near = alike(entries)
    if task == "regression":
        return near[0] if near[0].name in READABLE else best
    return near[-1] if near[-1].name == BLEND and best.name != "mean" else best


def gap(entry: Entry, other: Entry) -> tuple[float, float]:
    """Return by how much an entry's mean loss is above another's, and the standard error of that."""
    difference = entry.loss - other.loss
    noise = float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else 0.0
    return float(difference.mean()), noise


def final(course: Course, entry: Entry) -> tuple[Member, ...]:
    """Fit the parts of the winner on every row; their mean is the score. TrainingError: none has columns."""
    every = np.arange(len(course.training.outcome))
    columns = columns_of(course.training, every, course.aids)
    parts = [part for part in entry.parts if len(columns[CANDIDATES[part.name].takes])]
    if not parts:
        raise TrainingError("no feature has to do with the result")
    whole = sum(part.share for part in parts) / len(parts)
    return tuple(
        Member(part.name, *_fitted(course, part.name, every, columns, part.setting), _scaled(part, part.share / whole))
        for part in parts
    )


def _scaled(part: Part, weight: float) -> Line:
    return Line(weight * part.line.intercept, weight * part.line.slope)


def leaderboard(entries: Sequence[Entry], taken: Entry) -> list[dict[str, Any]]:
    """Return what each entry lost, as JSON rows, the best first."""
    best = min(entries, key=_total)
    rows = []
    for e in sorted(entries, key=_total):
        behind, noise = gap(e, best)
        row = {"learner": e.name, "loss": float(e.loss.mean()), "behind_best": behind, "noise": noise}
        parts = [{"learner": part.name, **part.setting} for part in e.parts]
        rows.append({**row, "parts": parts, "is_taken": e is taken})
    return rows


def _total(entry: Entry) -> float:
    return float(entry.loss.mean())


def _entered(course: Course, name: str) -> Entry:
    """Return a learner as the mean of its settings that cannot be told from the best: to take one would be chance."""
    tried = []
    for setting in CANDIDATES[name].settings[course.task]:
        number = np.full(len(course.training.outcome), np.nan)
        for i, ((train, test), columns) in enumerate(zip(course.folds, course.columns, strict=True)):
            course.aids.told(f"{name}: part {i + 1} of {len(course.folds)}")
            model, used = _fitted(course, name, train, columns, setting)
            number[test] = model.predict(course.training.vectors.values[np.ix_(test, used)])
        line = _line(course, number)
        raw = line.log_odds(number)
        tried.append(Entry(name, (Part(name, setting, line),), raw, _loss(course, raw)))
    return _joined(course, name, alike(tried))


def _joined(course: Course, name: str, entries: Sequence[Entry]) -> Entry:
    """Return the mean of entries as one, calibrated anew: a mean of odds is too near to even."""
    if len(entries) == 1:
        return replace(entries[0], name=name)
    mean = np.mean([e.raw for e in entries], axis=0)
    line = _line(course, mean)
    parts = tuple(
        replace(
            part,
            line=Line(line.intercept + line.slope * part.line.intercept, line.slope * part.line.slope),
            share=part.share / len(entries),
        )
        for e in entries
        for part in e.parts
    )
    raw = line.log_odds(mean)
    return Entry(name, parts, raw, _loss(course, raw))


def _fitted(
    course: Course, name: str, rows: Ints, columns: Mapping[str, Ints], setting: Mapping[str, Any]
) -> tuple[QualityModel, Ints]:
    candidate = CANDIDATES[name]
    used = columns[candidate.takes]
    t = course.training
    values = t.vectors.values[np.ix_(rows, used)]
    model = candidate.fit(values, t.outcome[rows], course.task, setting, course.aids.seed)
    if isinstance(model, Committee):
        return model.over(model.used), used[model.used]
    return model, used


def _line(course: Course, number: Floats) -> Line:
    if course.task == "regression":
        return PLAIN
    tested = course.tested
    return line_of(number[tested], course.training.outcome[tested])


def _loss(course: Course, raw: Floats) -> Floats:
    """Return the mean loss of each stretch of tested lots."""
    tested = course.tested
    y, found = course.training.outcome[tested], raw[tested]
    if course.task == "regression":
        each = (found - y) ** 2
    else:
        share = float(np.clip(y.mean(), 1.0 / len(y), 1 - 1.0 / len(y)))
        odds = found - np.log(share / (1 - share))  # of classes that are as frequent as one another
        weight = np.where(y == 1, 0.5 / share, 0.5 / (1 - share))
        each = weight * np.logaddexp(0.0, np.where(y == 1, -odds, odds))
    n = max(2, min(STRETCHES, len(each) // 10))
    return np.array([part.mean() for part in np.array_split(each, n)])
