"""Screening: of which detectors few features are taken together, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from app.screening import FEW_FEATURES, Screening
from detectors.settings import DetectorSettings
from tests.detectors import planted


@pytest.mark.parametrize(
    ("kind", "n", "n_kept"),
    [("failure_tournament", 6, 6), ("failure_tournament", FEW_FEATURES + 1, 1), ("quality_tournament", 6, 1)],
)
def test_failure_detectors_take_few_features_together(kind: str, n: int, n_kept: int) -> None:
    settings = DetectorSettings(name="d", kind=kind, asset_class="press", features="f")
    values = np.random.default_rng(1).normal(size=(300, n))
    screening = Screening(settings)
    taken = screening(values, (values[:, 3] > 1).astype(float), planted.tag_names(n), np.full(300, "x", dtype=object))
    assert taken[0] == 3
    assert len(taken) == n_kept
    report = screening.report()
    assert report is not None
    assert report["n_kept"] == n_kept
    assert [each["name"] for each in report["features"]] == [f"t{i}__mean" for i in taken]
