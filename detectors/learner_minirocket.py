"""Raw windows through random convolutions (sktime's MiniRocket), then a ridge.

Contributions: each kernel's part goes to the tags that it looks at, evenly, and of a tag to its newest value.
Fails where what matters is a window's level on a scale that moves between assets.
Source: Dempster, Schmidt, Webb (2021), MiniRocket, KDD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learners import Examples, filled, medians
from domain.scores import TrainingError

N_KERNELS: Final = 84 * 12
MOST_ROWS: Final = 6_000  # to fit on: rows of failures first
LEAST_LENGTH: Final = 9
CHUNK: Final = 4_096  # rows at a time
STRENGTHS: Final = 10.0 ** np.arange(-2, 5)
ROCKET: Final = ("combinations", "channels", "dilations", "per_dilation", "biases")
NAMES: Final = (*ROCKET, "order", "median", "centre", "spread", "mean", "scale", "weight")


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    arrays: Mapping[str, NDArray[Any]]
    features: NDArray[np.float64]
    label: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MiniRocket:
    """arrays: order (tags, length) = places of the samples among the columns, oldest first; the rest by NAMES."""

    needs: ClassVar[Literal["vectors", "windows"]] = "windows"
    arrays: Mapping[str, NDArray[Any]]

    @staticmethod
    def settings(_n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """Its ridge is chosen by generalised cross-validation, so there is nothing to try."""
        return ({},)

    @staticmethod
    def prepare(examples: Examples) -> _Prepared:
        """Fit the convolutions; raises TrainingError where the windows are too short for them."""
        from sktime.transformations.rocket import MiniRocketMultivariate

        order = _order(examples)
        if order.shape[1] < LEAST_LENGTH:
            raise TrainingError(f"raw windows of {order.shape[1]} values, at least {LEAST_LENGTH} are needed")
        rows = _rows(examples.label)
        values, label = examples.values[rows], examples.label[rows]
        median = medians(values)
        whole = filled(values, median)[:, order]
        centre, spread = whole.mean(axis=(0, 2)), whole.std(axis=(0, 2))
        arrays = {"order": order, "median": median, "centre": centre, "spread": np.where(spread > 0, spread, 1.0)}
        panel = _panel(values, arrays)
        fitted = MiniRocketMultivariate(N_KERNELS, random_state=int(examples.seed)).fit(panel)
        arrays |= dict(zip(ROCKET, (np.asarray(a) for a in fitted.parameters), strict=True))
        return _Prepared(arrays, _convolved(panel, arrays), label)

    @classmethod
    def fit(cls, prepared: _Prepared, _setting: Mapping[str, Any]) -> Self:
        """Fit the ridge to -1 and 1, the outcomes weighing alike."""
        x, label = prepared.features, prepared.label
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0) * np.sqrt(x.shape[1])
        each = np.where(label == 1, 0.5 / max(label.sum(), 1), 0.5 / max((label == 0).sum(), 1)) * len(label)
        weight = ridge((x - mean) / scale, 2 * label - 1, each)
        return cls({**prepared.arrays, "mean": mean, "scale": scale, "weight": weight})

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ridge's sums."""
        parts = [self._terms(values[i : i + CHUNK]).sum(axis=1) for i in range(0, len(values), CHUNK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """See the module."""
        terms = self._terms(values)
        found = np.zeros((len(values), values.shape[1]))
        for tag, share in enumerate(_shares(self.arrays)):
            found[:, self.arrays["order"][tag, -1]] = (terms * share).sum(axis=1)
        return 0.0, found

    def _terms(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        a = self.arrays
        if not len(values):
            return np.empty((0, len(a["weight"])))
        found: NDArray[np.float64] = (_convolved(_panel(values, a), a) - a["mean"]) / a["scale"] * a["weight"]
        return found

    def dump(self) -> dict[str, bytes]:
        """Return one array a part."""
        return {f"minirocket.{name}.npy": p.write_array(self.arrays[name]) for name in NAMES}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        return cls({name: p.read_array(parts, f"minirocket.{name}.npy") for name in NAMES})


def ridge(z: NDArray[np.float64], target: NDArray[np.float64], each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the ridge whose generalised cross-validation error is least. each: the rows' weights."""
    root = np.sqrt(each)[:, None]
    x, y = z * root, target * root[:, 0]
    size, basis = np.linalg.eigh(x.T @ x)
    size = np.maximum(size, 0.0)
    turned = basis.T @ (x.T @ y)
    errors = []
    for strength in STRENGTHS:
        rest = y - x @ (basis @ (turned / (size + strength)))
        free = max(1.0 - float((size / (size + strength)).sum()) / len(y), 1e-6)
        errors.append(float(np.mean(rest**2)) / free**2)
    best = STRENGTHS[int(np.argmin(errors))]
    return np.asarray(basis @ (turned / (size + best)), dtype=np.float64)


def _order(examples: Examples) -> NDArray[np.int64]:
    """Return the places of the samples by tag and from the oldest to the newest; all tags have as many."""
    by_tag: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(examples.names):
        by_tag.setdefault(name.source, []).append((-int(dict(name.params)["lag"]), place))
    return np.array([[place for _, place in sorted(found)] for _, found in sorted(by_tag.items())], dtype=np.int64)


def _rows(label: NDArray[np.float64]) -> NDArray[np.int64]:
    if len(label) <= MOST_ROWS:
        return np.arange(len(label))
    parts = [np.flatnonzero(label == one) for one in (1, 0)]
    n_ones = min(len(parts[0]), MOST_ROWS // 2)
    chosen = [
        part[np.linspace(0, len(part) - 1, n).astype(int)]
        for part, n in zip(parts, (n_ones, MOST_ROWS - n_ones), strict=True)
        if len(part)
    ]
    return np.unique(np.concatenate(chosen))


def _panel(values: NDArray[np.float64], a: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    whole = filled(values, a["median"])[:, a["order"]]
    return np.ascontiguousarray((whole - a["centre"][:, None]) / a["spread"][:, None], dtype=np.float32)


def _convolved(panel: NDArray[np.float32], a: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    from sktime.transformations.rocket._minirocket_multi_numba import _transform_multi

    found = _transform_multi(panel, tuple(a[name] for name in ROCKET))
    return np.asarray(found, dtype=np.float64)


def _shares(a: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Return which share of each feature belongs to each tag: (tags, features)."""
    n_tags, per_dilation = len(a["order"]), a["per_dilation"]
    stops = np.cumsum(a["combinations"])
    looked = [a["channels"][stop - n : stop] for stop, n in zip(stops, a["combinations"], strict=True)]
    found = np.zeros((n_tags, len(a["biases"])))
    combination = feature = 0
    for n_features in per_dilation.tolist():
        for _kernel in range(84):
            tags = looked[combination]
            found[tags, feature : feature + n_features] = 1.0 / len(tags)
            combination, feature = combination + 1, feature + n_features
    return found
