"""A quality result, or whether a lot is bad, from process features and lab history: learners compete on later lots.

Score: the result in its own unit, low and high holding 90 % of the out-of-fold errors; or the calibrated probability
of a bad lot (outcome 0 or 1), whose threshold has the least balanced error rate, or the most recall that the budget of
false alarms allows. Contributions: the learner's own, or what setting a column to its usual value takes away.
Fails where the process has left the range of the history, and where fewer than MIN_LOTS lots have a result.
Sources: `detectors.quality_course`, `detectors.quality_learners`; Lei et al. (2018), Distribution-free predictive
inference for regression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.calibration import Line, log_odds_of, probability
from detectors.folds import folds_of
from detectors.newest_errors import width_of
from detectors.quality_course import Course, Entry, Member, compete, final, gap, leaderboard, winner
from detectors.quality_design import Task
from detectors.quality_figures import errors_of, judged
from detectors.quality_learners import BLEND, CANDIDATES, load_model
from detectors.quality_suspects import suspects
from domain.scores import Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

Floats = NDArray[np.float64]
MIN_LOTS: Final = 60
MOST_FOLDS: Final = 5  # to compete on: more cost more and choose no better
HISTORY: Final = ("mean", "persistence", "lab")  # what needs no process data
LEARNERS: Final = (*CANDIDATES, BLEND)


class QualityTournament:
    """See the module."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]] = "quality"
    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    scale: ClassVar[Scale] = Scale.PHYSICAL

    def __init__(
        self,
        names: tuple[FeatureName, ...],
        members: tuple[Member, ...],
        task: Task,
        limits: tuple[float, float | None],
        report: Mapping[str, Any],
    ) -> None:
        """limits: the half width of the interval, and the threshold of a class."""
        self._names, self._members, self._task, self._report = names, members, task, report
        self._half_width, self._threshold = limits

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features it takes."""
        return self._names

    @property
    def threshold(self) -> float | None:
        """The probability from which a lot is called bad; a limit of a result is the plant's to set, by a rule."""
        return self._threshold

    @property
    def clear_threshold(self) -> float | None:
        """The same: a lot is no state that could come and go."""
        return self._threshold

    @property
    def report(self) -> Mapping[str, Any]:
        """Out-of-fold figures beside persistence, mean and lab history alone; the learners' ranking; suspects."""
        return self._report

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:
        """Let the learners compete on later lots, and fit the winner on all; raises TrainingError.

        options: `learners`, of LEARNERS.
        """
        asked = _learners(options)
        if len(training.outcome) < MIN_LOTS:
            n = len(training.outcome)
            raise TrainingError(f"{n} lots with a result, at least {MIN_LOTS} are needed")
        n_folds = min(aids.n_folds, MOST_FOLDS)
        course = Course.of(training, list(folds_of(training, n_folds, aids.split, aids.seed)), aids)
        entries = compete(course, asked, HISTORY)
        eligible = [e for e in entries if e.name in asked]
        if not eligible:
            raise TrainingError("no feature has to do with the result")
        taken = winner(eligible, course.task)
        members = final(course, taken)
        used = np.unique(np.concatenate([m.columns for m in members]))
        own = tuple(Member(m.name, m.model, np.searchsorted(used, m.columns), m.line) for m in members)
        tested = course.tested
        y, raw = training.outcome[tested], taken.raw[tested]
        threshold = None
        if course.task == "classification":
            threshold = float(probability(np.array([threshold_of(raw, y, aids.aim.budget)]))[0])
        half_width = width_of(np.abs(raw - y)) if course.task == "regression" else 0.0
        report = {
            "task": course.task,
            "n_lots": len(training.outcome),
            "prior": float(training.outcome.mean()) if course.task == "classification" else None,
            "folds": len(course.folds),
            "learner": taken.name,
            **judged(course.task, y, raw, threshold),
            **{f"{name}_rmse": errors_of(e.raw[tested] - y) for name, e in _by_name(entries).items()
               if name in HISTORY and course.task == "regression"},
            "process_adds": process_adds(entries),
            "leaderboard": leaderboard(entries, taken),
            "suspects": suspects(training, course.folds),
        }  # fmt: skip
        return cls(tuple(training.vectors.names[i] for i in used), own, course.task, (half_width, threshold), report)

    def score(self, vectors: FeatureVectors, *, is_explained: bool = True) -> Scores:
        """Score rows; raises ValueError where the columns are not `names`."""
        p.require_columns(vectors.names, self._names)
        values = np.ascontiguousarray(vectors.values, dtype=np.float64)
        raw = np.zeros(len(values))
        for m in self._members:  # one by one, for numpy's mean may round by the number of rows
            raw += m.raw(values) / len(self._members)
        base, contributions = self._explained(values) if is_explained else (0.0, np.zeros(values.shape))
        if self._task == "classification":
            value = probability(raw)
            return Scores(value, value, value, raw, base, contributions, Scale.PROBABILITY)
        width = self._half_width
        return Scores(raw, raw - width, raw + width, raw, base, contributions, self.scale)

    def _explained(self, values: Floats) -> tuple[float, Floats]:
        base, found = 0.0, np.zeros(values.shape)
        for m in self._members:
            own, parts = m.model.contributions(values[:, m.columns])
            base += m.line.log_odds(np.array([own]))[0] / len(self._members)
            found[:, m.columns] += m.line.slope * parts / len(self._members)
        return float(base), found

    def dump(self) -> dict[str, bytes]:
        """Return a JSON head, and each member's parts in a folder of its own."""
        head = {
            "names": p.write_names(self._names),
            "task": self._task,
            "half_width": self._half_width,
            "threshold": self._threshold,
            "members": [[m.name, m.line.intercept, m.line.slope] for m in self._members],
            "report": self._report,
        }
        parts = {"head.json": p.write_json(head)}
        for i, m in enumerate(self._members):
            parts |= {f"{i}/{name}": data for name, data in m.model.dump().items()}
            parts[f"columns.{i}.npy"] = p.write_array(m.columns)
        return parts

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        head = p.read_json(parts, "head.json")
        members = tuple(
            Member(name, load_model(p.below(parts, str(i))), p.read_array(parts, f"columns.{i}.npy"), Line(*line))
            for i, (name, *line) in enumerate(head["members"])
        )
        limits = (head["half_width"], head["threshold"])
        return cls(p.read_names(head["names"]), members, head["task"], limits, head["report"])


def threshold_of(log_odds: Floats, label: Floats, budget: float | None) -> float:
    """Return the log-odds from which a lot is called bad: the share of bad lots, where calibrated odds have the least
    balanced error rate; with a budget (good lots called bad, a lot) at least so high that it is kept.
    """
    least = log_odds_of(float(label.mean()))
    if budget is None:
        return least
    if budget >= 1:
        raise TrainingError(f"alarm_budget {budget:g}: of lots it is the share of good ones called bad, below 1")
    good = np.sort(log_odds[label == 0])[::-1]
    n_allowed = int(budget * len(label))
    if n_allowed >= len(good):
        return float(good[-1])
    above = log_odds[log_odds > good[n_allowed]]  # between two lots, so that no rounding moves one over it
    return float((good[n_allowed] + above.min()) / 2) if len(above) else float(good[n_allowed] + 1e-6)


def process_adds(entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Return what the best learner with process data gains over the best without, as JSON data; None where either is
    missing. adds: whether the gain in loss is more than its standard error.
    """
    without = [e for e in entries if e.name in HISTORY]
    beside = [e for e in entries if e.name not in (*HISTORY, BLEND)]
    if not without or not beside:
        return None
    history, process = (min(some, key=lambda e: float(e.loss.mean())) for some in (without, beside))
    behind, noise = gap(process, history)
    return {
        "adds": behind < -noise,
        "history": history.name,
        "process": process.name,
        "history_loss": float(history.loss.mean()),
        "process_loss": float(process.loss.mean()),
        "gain": -behind,
        "noise": noise,
    }


def _by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    return {e.name: e for e in entries}


def _learners(options: Mapping[str, Any]) -> tuple[str, ...]:
    asked = tuple(options.get("learners", LEARNERS))
    unknown = sorted({*options} - {"learners"}) or sorted({*asked} - {*LEARNERS})
    if unknown:
        raise TrainingError(f"unknown in the detector's options: {', '.join(unknown)}; learners: {', '.join(LEARNERS)}")
    return asked
