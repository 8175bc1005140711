"""Learners on the same folds, and which of them is taken: the simplest within noise of the best.

Everything that learns (columns, scaling, settings) sees the rows that its fold trains on alone. What a learner is worth
is what its own best threshold loses out of fold: missed events and false alarms, weighed as the aim does.
Within noise: not worse than the best by more than one standard error of the difference over the tracks.
Source: Breiman et al. (1984), CART, the one-standard-error rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import threshold
from detectors.calibration import Line, line_of
from detectors.folds import Fold
from detectors.learner_blend import Blend, Member
from detectors.learners import LEARNERS, Examples, Learner, is_sample, learner_class
from detectors.threshold import Choice, Curve, Rows
from domain.scores import Aim, TrainingAids, TrainingError
from domain.text import mark
from domain.vectors import Training

MAX_FEATURES: Final = 120
MOST_BUNDLES: Final = 2_000
NO_FEATURE: Final = "no feature tells windows before a failure from the others"
BLEND: Final = "blend"
NOT_BLENDED: Final = ("rule",)
NO_RAW_VALUES: Final = mark(
    "it takes the raw values of tags, and the feature set keeps none: `samples = 30` in [[features]]"
)
NO_TWO: Final = mark("it takes two learners beside the single limit, and fewer competed")
FINE, COARSE = 1_023, 255  # bins of a column
FEW_ROWS: Final = 50_000  # for which fine bins cost little


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted learner and the columns it takes, as indices into the training's names."""

    learner: Learner
    columns: NDArray[np.int64]

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the margins of rows."""
        return self.learner.margin(values[:, self.columns])


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One learner of the tournament. log_odds: out of fold, NaN where no fold tested; loss: (tracks,)."""

    name: str
    setting: Mapping[str, Any]
    line: Line
    log_odds: NDArray[np.float64]
    models: tuple[Model, ...]
    curve: Curve
    place: int
    choice: Choice
    loss: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What the learners compete on. label: 0 or 1; folds: with the columns that each found relevant."""

    training: Training
    label: NDArray[np.float64]
    folds: tuple[Fold, ...]
    columns: tuple[NDArray[np.int64], ...]
    samples: NDArray[np.int64]
    aids: TrainingAids

    @property
    def aim(self) -> Aim:
        """What thresholds are chosen for."""
        return self.aids.aim

    @property
    def is_independent(self) -> bool:
        """Whether the events are draws of their own, so that a bound holds for them."""
        return not self.aim.by_rows or self.has_own_groups

    @property
    def has_own_groups(self) -> bool:
        """Whether each row is a case of its own."""
        return len(np.unique(self.training.group.astype(str))) == len(self.label)

    def curve(self, log_odds: NDArray[np.float64]) -> Curve:
        """Judge out-of-fold log-odds at each threshold."""
        tested = np.flatnonzero(~np.isnan(log_odds))
        if self.aim.by_rows:
            group = self.training.group[tested]
            if self.has_own_groups:
                group = np.array([str(i % MOST_BUNDLES) for i in tested.tolist()], dtype=object)
            return threshold.curve_of_rows(log_odds[tested], self.label[tested], group)
        return threshold.curve_of(self.tracks(log_odds), self.rows)

    def tracks(self, log_odds: NDArray[np.float64]) -> list[threshold.Track]:
        """Return the tracks of the tested rows, one for each asset; a group may hold several."""
        t, tested = self.training, np.flatnonzero(~np.isnan(log_odds))
        return threshold.tracks_of(
            log_odds[tested], t.vectors.asset[tested], t.vectors.position[tested], t.to_event[tested], t.mode[tested]
        )

    @property
    def rows(self) -> Rows:
        """How far a threshold reaches."""
        return Rows(self.training.horizon, self.training.lead, self.aids.confirm)


def relevant(training: Training, label: NDArray[np.float64], rows: NDArray[np.int64], aids: TrainingAids) -> Any:
    """Return the columns that these rows alone find relevant, in the columns' order; raises TrainingError for none."""
    if len(np.unique(label[rows])) < 2:
        raise TrainingError(
            "a training part of the folds holds no failure, or nothing else: load more history, or shorten `embargo`"
        )
    names = training.vectors.names
    plain = np.array([i for i, name in enumerate(names) if not is_sample(name)], dtype=np.int64)
    values = training.vectors.values[rows]
    values = values if len(plain) == len(names) else values[:, plain]
    chosen = aids.select(values, label[rows], tuple(names[i] for i in plain), training.group[rows])[:MAX_FEATURES]
    if not len(chosen):
        raise TrainingError(NO_FEATURE)
    return plain[np.sort(chosen)]


def examples(course: Course, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Examples:
    """Return rows as a learner takes them.

    Their bins are fine where rows are few: failures are rare and lie at a column's ends, and a bin that holds as many
    rows as a failure mode has cannot tell where it begins.
    """
    t = course.training
    names = tuple(t.vectors.names[i] for i in columns)
    values = t.vectors.values[np.ix_(rows, columns)]
    return Examples(values, course.label[rows], names, course.aids.seed, FINE if len(rows) <= FEW_ROWS else COARSE)


def compete(course: Course, names: Sequence[str], trials: int, own: Mapping[str, Mapping[str, Any]]) -> list[Entry]:
    """Return the entries, the simplest first. own: settings of the config by learner, laid over every trial of it."""
    left_out = not_competing(course, names)
    taken = [n for n in LEARNERS if n in names and n not in left_out]
    found = [_entered(course, name, trials, own.get(name, {})) for name in taken if name != BLEND]
    if BLEND in taken:
        found.append(_blended(course, [e for e in found if e.name not in NOT_BLENDED]))
    return found


def not_competing(course: Course, names: Sequence[str]) -> dict[str, str]:
    """Return the learners among `names` that cannot compete on these rows, each with the reason in words."""
    needing = [n for n in names if n != BLEND and learner_class(n).needs == "windows"]
    found = {} if len(course.samples) else dict.fromkeys(needing, NO_RAW_VALUES)
    blended = [n for n in names if n not in (*found, *NOT_BLENDED, BLEND)]
    return found | ({BLEND: NO_TWO} if BLEND in names and len(blended) < 2 else {})


def winner(entries: Sequence[Entry]) -> Entry:
    """Return the simplest entry within one standard error of the best."""
    best = min(entries, key=lambda e: float(e.loss.sum()))
    return next(e for e in entries if _gap(e, best) <= _noise(e, best))


def final(course: Course, entry: Entry, entries: Sequence[Entry]) -> Model:
    """Fit the winner's setting on every row."""
    every = np.arange(len(course.label))
    columns = relevant(course.training, course.label, every, course.aids)
    if entry.name != BLEND:
        return _fitted(course, entry.name, every, columns, entry.setting)
    members = [e for e in entries if e.name in entry.setting["members"]]
    models = [_fitted(course, e.name, every, columns, e.setting) for e in members]
    return _blend_of(members, models)


def leaderboard(entries: Sequence[Entry], taken: Entry, aim: Aim) -> list[dict[str, Any]]:
    """Return what each entry was worth, as JSON rows, the best first."""
    best = min(entries, key=lambda e: float(e.loss.sum()))
    return [
        {
            "learner": e.name,
            "loss": float(e.loss.sum()),
            "behind_best": _gap(e, best),
            "noise": _noise(e, best),
            "events_caught": e.choice.judgement.n_caught,
            "events": e.choice.judgement.n_events,
            "false_alarms": e.choice.judgement.n_false,
            "false_alarms_per_week": None if aim.is_of_cases else e.choice.false_alarms_per_unit * aim.week,
            "setting": dict(e.setting),
            "is_taken": e is taken,
        }
        for e in sorted(entries, key=lambda e: float(e.loss.sum()))
    ]


def _gap(entry: Entry, best: Entry) -> float:
    return float(entry.loss.sum() - best.loss.sum())


def _noise(entry: Entry, best: Entry) -> float:
    difference = entry.loss - best.loss
    return float(np.sqrt(len(difference)) * difference.std(ddof=1)) if len(difference) > 1 else 0.0


def _entered(course: Course, name: str, trials: int, own: Mapping[str, Any]) -> Entry:
    kind = learner_class(name)
    settings = [{**setting, **own} for setting in kind.settings(max(trials, 1), course.aids.seed)]
    values = course.training.vectors.values
    margins = [np.full(len(course.label), np.nan) for _ in settings]
    models: list[list[Model]] = [[] for _ in settings]
    for i, (train, test) in enumerate(course.folds):
        course.aids.told(f"{name}: part {i + 1} of {len(course.folds)}")
        columns = course.samples if kind.needs == "windows" else course.columns[i]
        prepared = kind.prepare(examples(course, train, columns))
        for place, setting in enumerate(settings):
            model = Model(kind.fit(prepared, setting), columns)
            margins[place][test] = model.margin(values[test])
            models[place].append(model)
    entries = [_entry(course, name, s, m, tuple(f)) for s, m, f in zip(settings, margins, models, strict=True)]
    return min(entries, key=lambda e: float(e.loss.sum()))


def _entry(
    course: Course, name: str, setting: Mapping[str, Any], margin: NDArray[np.float64], models: tuple[Model, ...]
) -> Entry:
    tested = ~np.isnan(margin)
    line = line_of(margin[tested], course.label[tested])
    log_odds = line.log_odds(margin)
    curve = course.curve(log_odds)
    place, choice = threshold.choose(curve, course.aim, is_independent=course.is_independent)
    loss = threshold.losses(curve, place, course.aim)
    return Entry(name, setting, line, log_odds, models, curve, place, choice, loss)


def _fitted(
    course: Course, name: str, rows: NDArray[np.int64], columns: NDArray[np.int64], setting: Mapping[str, Any]
) -> Model:
    kind = learner_class(name)
    course.aids.told(f"{name}: on the whole history")
    used = course.samples if kind.needs == "windows" else columns
    return Model(kind.fit(kind.prepare(examples(course, rows, used)), setting), used)


def _blended(course: Course, entries: Sequence[Entry]) -> Entry:
    mean = np.mean([e.log_odds for e in entries], axis=0)
    folds = zip(*(e.models for e in entries), strict=True)
    models = tuple(_blend_of(entries, found) for found in folds)
    return _entry(course, BLEND, {"members": [e.name for e in entries]}, mean, models)


def _blend_of(entries: Sequence[Entry], models: Sequence[Model]) -> Model:
    used = np.unique(np.concatenate([m.columns for m in models]))
    members = tuple(
        Member(e.name, m.learner, e.line, np.searchsorted(used, m.columns))
        for e, m in zip(entries, models, strict=True)
    )
    return Model(Blend(members, len(used)), used)
