"""Hypotheses and a trained detector to what each of them carries: its features that were kept, and its share of the
contributions.

A feature's weight is the mean distance of its contributions from their mean, over the rows trained on: what it moves
the score by, not the level that it holds it at. Hypotheses may share features, so shares need not add up to one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from detectors.settings import DetectorSettings
from domain.scores import Detector
from domain.vectors import FeatureName, FeatureVectors
from features.settings import HypothesisSettings


def concerns(hypothesis: HypothesisSettings, detector: DetectorSettings) -> bool:
    """Return whether a hypothesis speaks of a detector."""
    if hypothesis.detector:
        return hypothesis.detector == detector.name
    return hypothesis.asset_class == detector.asset_class


def matching(patterns: Sequence[str], names: Iterable[FeatureName]) -> list[FeatureName]:
    """Return the features that a hypothesis stands on: by the tag they are of, or by their whole name."""
    return [n for n in names if any(fnmatchcase(n.source, p) or fnmatchcase(n.label, p) for p in patterns)]


def weighed(
    hypotheses: Sequence[HypothesisSettings],
    detector: Detector,
    vectors: FeatureVectors,
    kept: Sequence[FeatureName],
) -> list[dict[str, Any]]:
    """Return what each hypothesis carries, the heaviest first, as JSON data.

    kept: the features that survived the screening of all rows. rank 1 is the heaviest; one that carries nothing has
    rank null. share: of the sum of all features' weights, a fraction.
    """
    if not hypotheses:
        return []
    scored = detector.score(vectors.select(detector.names)).contributions
    weight = np.abs(scored - scored.mean(axis=0)).mean(axis=0)
    total = float(weight.sum())
    by_name = dict(zip(detector.names, weight.tolist(), strict=True))
    found: list[tuple[float, dict[str, Any]]] = []
    for x in hypotheses:
        stands_on = matching(x.features, vectors.names)
        survived = sorted(set(stands_on) & set(kept), key=lambda n: (-by_name.get(n, 0.0), n.label))
        share = sum(by_name.get(n, 0.0) for n in stands_on) / total if total else 0.0
        row = {
            "name": x.name,
            "statement": x.statement,
            "share": share,
            "n_features": len(stands_on),
            "survived": [n.label for n in survived],
        }
        found.append((share, row))
    found.sort(key=lambda each: (-each[0], each[1]["name"]))
    return [{"rank": place if share > 0 else None, **row} for place, (share, row) in enumerate(found, 1)]
