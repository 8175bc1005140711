"""Feature vectors: the named numbers of windows and lots, and the feature set that names and orders them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.inputs import Inputs
from domain.plant import Axis

SAMPLE: Final = "sample"  # the calculator of one raw value of a window, counted from its end
IS: Final = "is"  # the calculator of one level of a text
NO_INPUTS: Final = Inputs()


@dataclass(frozen=True, slots=True, order=True)
class FeatureName:
    """A structured name: where the number comes from and how it is computed. Never split at `__`.

    origin: `tag`, `lab`, `process`, `event` or `attribute`. source: tag, result, value or text of a lot, `kind:code` of
    an event, or attribute.
    calculator and params are tsfresh's own for origin `tag`. `is` says whether a text or attribute is one level.
    """

    origin: str
    source: str
    calculator: str
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """The name as tsfresh spells it, for display and for files."""
        tail = "".join(f"__{k}_{json.dumps(v) if isinstance(v, str) else v}" for k, v in self.params)
        return f"{self.source}__{self.calculator}{tail}"

    @property
    def is_level(self) -> bool:
        """Whether the number says that a text is one of its levels: 0 or 1."""
        return self.calculator == IS

    @property
    def short(self) -> str:
        """The name where people read: `feed` for a lot's value, `product = A` for a text, else the label."""
        if self.is_level:
            return f"{self.source} = {dict(self.params)['level']}"
        return self.source if self.calculator == "value" else self.label

    def as_json(self) -> list[Any]:
        """Return the name as a JSON list; `from_json` reads it back."""
        return [self.origin, self.source, self.calculator, [list(p) for p in self.params]]

    @staticmethod
    def from_json(data: list[Any]) -> FeatureName:
        """Read a name written by `as_json`."""
        origin, source, calculator, params = data
        return FeatureName(
            origin, source, calculator, tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in params)
        )


@dataclass(frozen=True, slots=True, order=True)
class DerivedTag:
    """A tag that is computed from others of its asset. sources: the tags of its formula, each with its unit."""

    name: str
    unit: str
    formula: str
    sources: tuple[tuple[str, str], ...]

    def as_json(self) -> list[Any]:
        """Return the tag as a JSON list; `from_json` reads it back."""
        return [self.name, self.unit, self.formula, [list(s) for s in self.sources]]

    @staticmethod
    def from_json(data: list[Any]) -> DerivedTag:
        """Read a tag written by `as_json`."""
        name, unit, formula, sources = data
        return DerivedTag(name, unit, formula, tuple((tag, of) for tag, of in sources))


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """What a vector holds and how its window is cut; data with a hash, stored with every model.

    window, step and max_gap are in axis units (ns or cycles); min_coverage is a fraction of the window's expected rows.
    derived: the derived tags that `names` may name; a model keeps the formulas that it was trained with.
    max_gap: the longest hole that a tag may have in a window, 0 for any. align (ns): windows end there and at whole
    steps from there. lags: tag -> ns by which its values count later than they were measured.
    is_passage: a lot's window is its own interval, where it has a start; else it is the window that ends with the lot.
    cycle_tags: measured tags that make a cycle beside `sources`, so that a model counts cycles as its training did.
    inputs: what the inputs looked like in training, empty before it.
    """

    name: str
    axis: Axis
    window: int
    step: int
    min_coverage: float
    names: tuple[FeatureName, ...]
    derived: tuple[DerivedTag, ...] = ()
    max_gap: int = 0
    align: int = 0
    lags: tuple[tuple[str, int], ...] = ()
    is_passage: bool = False
    cycle_tags: tuple[str, ...] = ()
    inputs: Inputs = NO_INPUTS

    def as_json(self) -> dict[str, Any]:
        """Return the set as JSON data; `from_json` reads it back."""
        optional = {
            "derived": [d.as_json() for d in self.derived],
            "max_gap": self.max_gap,
            "align": self.align,
            "lags": [list(lag) for lag in self.lags],
            "is_passage": self.is_passage,
            "cycle_tags": list(self.cycle_tags),
            "inputs": self.inputs.as_json(),
        }
        return {key: value for key, value in optional.items() if value} | {
            "name": self.name,
            "axis": self.axis.value,
            "window": self.window,
            "step": self.step,
            "min_coverage": self.min_coverage,
            "names": [n.as_json() for n in self.names],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FeatureSet:
        """Read a set written by `as_json`."""
        names = tuple(FeatureName.from_json(n) for n in data["names"])
        derived = tuple(DerivedTag.from_json(d) for d in data.get("derived", ()))
        return FeatureSet(
            data["name"],
            Axis(data["axis"]),
            data["window"],
            data["step"],
            data["min_coverage"],
            names,
            derived,
            data.get("max_gap", 0),
            data.get("align", 0),
            tuple((tag, lag) for tag, lag in data.get("lags", ())),
            data.get("is_passage", False),
            tuple(data.get("cycle_tags", ())),
            Inputs.from_json(data.get("inputs", {})),
        )

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the measured tags that the set needs, sorted: those of derived tags stand for them, and those
        that set the operating mode are among them.
        """
        computed = {d.name: [tag for tag, _ in d.sources] for d in self.derived}
        used = {t for n in self.names if n.origin == "tag" for t in computed.get(n.source, [n.source])}
        return tuple(sorted(used | set(self.inputs.modes.tags if self.inputs.modes else ())))

    def only(self, names: tuple[FeatureName, ...]) -> FeatureSet:
        """Return the set with these of its features, and the derived tags and the inputs that they need."""
        used = {n.source for n in names}
        chosen = replace(self, names=names, derived=tuple(d for d in self.derived if d.name in used))
        others = {*self.sources, *self.cycle_tags} - {*chosen.sources} if self.axis is Axis.CYCLE else ()
        attributes = {n.source for n in names if n.origin == "attribute"}
        inputs = self.inputs.only(chosen.sources, attributes)
        lags = tuple((tag, lag) for tag, lag in self.lags if tag in chosen.sources)
        return replace(chosen, lags=lags, inputs=inputs, cycle_tags=tuple(sorted(others)))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureVectors:
    """Rows of features. values: float64 (float32 on the way to a file) (n, len(names)), NaN = missing. asset, subject:
    object (n,).

    start, end: int64 ns (n,), the half-open window in event time; a row may be used from `end` on.
    position: float64 (n,), the row's place on the asset's axis (cycles completed, or ns).
    subject is the lot's id, or "" for a window of the asset itself.
    """

    names: tuple[FeatureName, ...]
    values: NDArray[Any]
    asset: NDArray[np.object_]
    subject: NDArray[np.object_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    position: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.asset), len(self.names)):
            raise ValueError(f"values {self.values.shape} do not fit {len(self.asset)} x {len(self.names)}")

    def __len__(self) -> int:
        return len(self.asset)

    def take(self, rows: NDArray[Any] | slice) -> FeatureVectors:
        """Return the rows chosen by a mask, an index array or a slice."""
        return FeatureVectors(
            self.names,
            self.values[rows],
            self.asset[rows],
            self.subject[rows],
            self.start[rows],
            self.end[rows],
            self.position[rows],
        )

    def select(self, names: tuple[FeatureName, ...]) -> FeatureVectors:
        """Return the named columns in the given order; raises KeyError naming the first that is not there."""
        column = {name: i for i, name in enumerate(self.names)}
        for name in names:
            if name not in column:
                raise KeyError(name.label)
        picked = self.values[:, [column[n] for n in names]] if names else self.values[:, :0]
        return FeatureVectors(names, picked, self.asset, self.subject, self.start, self.end, self.position)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a detector is trained on. All arrays have one row per vector.

    outcome: float64, 0/1 for failure, the result for quality, 0 = normal for anomaly.
    group: object, what must not be split between folds (an asset, or a batch).
    to_event: float64, axis units to the event that the row may warn of; inf = none.
    horizon, lead: axis units. is_ordered: folds are cut in time, not by group, with a gap of embargo_ns.
    mode: object, the code of the event that the row may warn of, "" = none; left out, it is "" in every row.
    known_at: int64 ns, when the row's outcome was known; left out, at the row's end.
    """

    vectors: FeatureVectors
    outcome: NDArray[np.float64]
    group: NDArray[np.object_]
    to_event: NDArray[np.float64]
    horizon: int
    lead: int
    is_ordered: bool
    embargo_ns: int = 0
    mode: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))
    known_at: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.known_at):
            object.__setattr__(self, "known_at", self.vectors.end)
        if len(self.mode) != len(self.vectors):
            if len(self.mode):
                raise ValueError(f"{len(self.mode)} modes do not fit {len(self.vectors)} vectors")
            object.__setattr__(self, "mode", np.full(len(self.vectors), "", dtype=object))

    def take(self, rows: NDArray[Any]) -> Training:
        """Return the rows chosen by a mask or an index array."""
        return Training(
            self.vectors.take(rows),
            self.outcome[rows],
            self.group[rows],
            self.to_event[rows],
            self.horizon,
            self.lead,
            self.is_ordered,
            self.embargo_ns,
            self.mode[rows],
            self.known_at[rows],
        )
