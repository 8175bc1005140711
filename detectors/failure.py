"""Failure within the horizon: the winner of a tournament of learners, with a threshold that keeps a recall promise.

Score: probability; low and high span the models trained on the folds. Contributions: the learner's own, on the
log-odds scale. Fails where failures have no precursor in the tags, or where fewer than MIN_EVENTS were seen; it then
refuses to train.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors import threshold, tournament
from detectors.calibration import Line, log_odds_of, probability
from detectors.episodes import Episodes, remembered
from detectors.folds import folds_of
from detectors.learners import LEARNERS, is_sample, learner_class
from detectors.remaining_life import Life
from detectors.tournament import Course, Entry, Model
from domain.limits import Limits
from domain.scores import Aim, Episode, Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

MIN_EVENTS: Final = 5
TRIALS: Final = 6


class Failure:
    """See the module. Its kinds say which learners compete where the config names none."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]] = "failure"
    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    scale: ClassVar[Scale] = Scale.PROBABILITY
    learners: ClassVar[tuple[str, ...]] = ()
    trials: ClassVar[int] = 1

    def __init__(
        self,
        names: tuple[FeatureName, ...],
        learner: str,
        models: tuple[Model, ...],
        line: Line,
        limits: tuple[float, float],
        report: Mapping[str, Any],
        episodes: Episodes,
        life: Life | None,
    ) -> None:
        """models: of every row first, then of each fold."""
        self._names, self._learner, self._models = names, learner, models
        self._line, self._limits, self._report = line, limits, report
        self._episodes, self._life = episodes, life

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features any of its models takes."""
        return self._names

    @property
    def threshold(self) -> float:
        """The probability from which an alert is raised."""
        return float(probability(np.array([self._limits[0]]))[0])

    @property
    def clear_threshold(self) -> float:
        """The probability below which it returns to normal."""
        return float(probability(np.array([self._limits[1]]))[0])

    @property
    def report(self) -> Mapping[str, Any]:
        """Out-of-fold events, catches and false alarms at the threshold, the leaderboard, and the whole curve."""
        return self._report

    @property
    def model(self) -> Any:
        """The learner that was fitted to every row."""
        return self._models[0].learner

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:
        """Fit, with whole groups (or what the split says) held out in turn; raises TrainingError with too few failures.

        options: `learners`, `trials` (settings that each may try); all others are LightGBM's parameters.
        """
        names = tuple(options.get("learners", cls.learners))
        unknown = [n for n in names if n not in LEARNERS]
        if unknown:
            raise TrainingError(f"no learner {unknown[0]!r}: {', '.join(LEARNERS)}")
        given = {k: v for k, v in options.items() if k not in ("learners", "trials")}
        own = {"lightgbm": given}
        course = _course(training, aids)
        entries = tournament.compete(course, names, int(options.get("trials", cls.trials)), own)
        if not entries:
            raise TrainingError(f"none of the learners {', '.join(names)} can learn from this feature set")
        taken = tournament.winner(entries)
        whole = tournament.final(course, taken, entries)
        limits = (taken.choice.raise_at, taken.choice.clear_at)
        report = _report(course, entries, taken, tournament.not_competing(course, names))
        models = (whole, *taken.models)
        life = _life(course, report)
        used = np.unique(np.concatenate([m.columns for m in models] + ([life.columns] if life else [])))
        episodes = remembered(training, taken.log_odds, Limits(*limits), course.rows, used)
        packed = tuple(Model(m.learner, np.searchsorted(used, m.columns)) for m in models)
        kept = tuple(training.vectors.names[i] for i in used)
        packed_life = life.over(used) if life else None
        return cls(kept, taken.name, packed, taken.line, limits, report, episodes, packed_life)

    def score(self, vectors: FeatureVectors, *, is_explained: bool = True) -> Scores:
        """Score rows; raises ValueError where the columns are not `names`. Not explained, contributions are 0."""
        p.require_columns(vectors.names, self._names)
        n = len(vectors)
        contributions = np.zeros((n, len(self._names)))
        if n == 0:
            empty = np.empty(0)
            return Scores(empty, empty, empty, empty, 0.0, contributions, self.scale)
        values = np.ascontiguousarray(vectors.values, dtype=np.float64)
        whole = self._models[0]
        base = 0.0
        if is_explained:
            base, found = whole.learner.contributions(values[:, whole.columns])
            contributions[:, whole.columns] = self._line.slope * found
        every = np.vstack([self._line.log_odds(m.margin(values)) for m in self._models])
        return Scores(
            probability(every[0]),
            probability(every.min(axis=0)),
            probability(every.max(axis=0)),
            every[0],
            self._line.intercept + self._line.slope * base,
            contributions,
            self.scale,
            None if self._life is None else self._life.told(values),
        )

    def at_threshold(self, raise_at: float) -> Self:
        """Return the same detector with another threshold, a probability in (0, 1); raises ValueError for others."""
        if not 0 < raise_at < 1:
            raise ValueError(f"a threshold of {raise_at}: a probability between 0 and 1 is needed")
        limit = log_odds_of(raise_at)
        limits = (limit, threshold.clear_for(limit))
        report = {**self._report, "chosen_threshold": raise_at}
        return type(self)(
            self._names, self._learner, self._models, self._line, limits, report, self._episodes, self._life
        )

    @property
    def ranges(self) -> NDArray[np.float64]:
        """The normal range of each feature: float64 (2, features), NaN = not known."""
        return self._episodes.ranges

    def alike(self, row: NDArray[np.float64]) -> list[Episode]:
        """Return the past episodes that a row of features resembles most, the nearest first."""
        return self._episodes.alike(row)

    def dump(self) -> dict[str, bytes]:
        """Return each model's parts in a folder of its own, and a JSON head."""
        head = {
            "names": p.write_names(self._names),
            "learner": self._learner,
            "columns": [m.columns.tolist() for m in self._models],
            "line": [self._line.intercept, self._line.slope],
            "limits": list(self._limits),
            "report": self._report,
        }
        own = {f"{i}/{part}": data for i, m in enumerate(self._models) for part, data in m.learner.dump().items()}
        own |= {f"episodes/{part}": data for part, data in self._episodes.dump().items()}
        if self._life is not None:
            own |= {f"life/{part}": data for part, data in self._life.dump().items()}
        return {"head.json": p.write_json(head), **own}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from verified parts; the bundle's checksum must have been checked, for a damaged text can crash
        LightGBM.
        """
        head = p.read_json(parts, "head.json")
        kind = learner_class(head["learner"])
        models = tuple(
            Model(kind.load(p.below(parts, str(i))), np.array(columns, dtype=np.int64))
            for i, columns in enumerate(head["columns"])
        )
        life = p.below(parts, "life")
        return cls(
            p.read_names(head["names"]),
            head["learner"],
            models,
            Line(*head["line"]),
            tuple(head["limits"]),
            head["report"],
            Episodes.load(p.below(parts, "episodes")),
            Life.load(life) if life else None,
        )


def _course(training: Training, aids: TrainingAids) -> Course:
    """Return what the learners compete on; raises TrainingError where it is too little."""
    label = training.outcome
    ends = training.vectors.position + training.to_event
    is_one = np.flatnonzero(label == 1)
    n_events = len(is_one) if aids.aim.by_rows else len({(training.vectors.asset[i], ends[i]) for i in is_one})
    if n_events < MIN_EVENTS:
        raise TrainingError(
            f"{n_events} failures seen in the history, at least {MIN_EVENTS} are needed: "
            "load more history, or record past failures, each with its end (one without keeps its asset stopped)"
        )
    if label.all():
        raise TrainingError("every window lies within the horizon of a failure: the horizon is too long")
    folds = tuple(folds_of(training, aids.n_folds, aids.split, aids.seed))
    columns = tuple(tournament.relevant(training, label, train, aids) for train, _ in folds)
    tested = np.concatenate([test for _, test in folds]) if folds else np.empty(0, dtype=np.int64)
    if not (label[tested] == 1).any():
        raise TrainingError(
            "no failure lies in the part of the history that models are tested on: load more history, or use "
            'split = "unit", which holds out whole assets'
        )
    names = training.vectors.names
    samples = np.array([i for i, name in enumerate(names) if is_sample(name)], dtype=np.int64)
    return Course(training, label, folds, columns, samples, aids)


def _life(course: Course, report: dict[str, Any]) -> Life | None:
    """Return the remaining life where it is asked for and can be told, and note in the report what became of it."""
    if course.aids.life_cap is None:
        return None
    course.aids.told("remaining life")
    try:
        life, report["remaining_life"] = Life.fit(course.training, course.aids.life_cap, course.folds, course.aids.seed)
    except TrainingError as error:
        report["remaining_life"] = {"refused": str(error)}
        return None
    return life


def _weekly(taken: Entry, aim: Aim) -> float:
    return float(taken.curve.per_week(aim.week)[taken.place])


def _report(course: Course, entries: list[Entry], taken: Entry, not_competing: Mapping[str, str]) -> dict[str, Any]:
    aim, choice = course.aim, taken.choice
    judgement = choice.judgement
    leads: list[float] = []
    n_early = 0
    if not aim.by_rows:
        tracks = course.tracks(taken.log_odds)
        leads = list(threshold.evaluate(tracks, choice.raise_at, course.rows).judgement.lead_times)
        n_early = threshold.n_early(tracks, choice.raise_at, course.rows)
    return {
        "learner": taken.name,
        "n_rows": len(course.label),
        "n_groups": len(np.unique(course.training.group.astype(str))),
        "n_events": judgement.n_events,
        "n_events_warned_early": n_early,
        "events_caught": judgement.n_caught,
        "event_recall": judgement.n_caught / judgement.n_events,
        "false_alarms": judgement.n_false,
        "n_good": int(taken.curve.watched.sum()) - judgement.n_events if aim.by_rows else None,
        "false_alarms_per_week": None if aim.is_of_cases else _weekly(taken, aim),
        "target_recall": aim.recall,
        "confidence": aim.confidence,
        "promised_recall": choice.promised,
        "highest_promise": choice.highest,
        "is_target_kept": choice.is_kept,
        "is_within_budget": choice.is_within_budget,
        "counts": "rows" if aim.by_rows else "events",
        "lead_times": leads,
        "folds": len(course.folds),
        "leaderboard": tournament.leaderboard(entries, taken, aim),
        "not_competing": dict(not_competing),
        "curve": threshold.priced(taken.curve, aim, course.aids.seed, taken.place),
    }
