"""The Quality page of a model of good and bad lots: what it called, beside its back-test, and what is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard import figures, queries
from dashboard.pages import quality
from dashboard.source import DetectorInfo, Source
from domain.instants import to_ns
from domain.lots import Judged
from domain.text import catalogue
from reports.live_class import Broken, ClassFigures, Counts, LiveClass, Promise
from store.audit import Deed
from store.scoring import ModelRow
from tests.dashboard.conftest import HOUR, NOW

EN, KO = catalogue("en"), catalogue("ko")
REPORT = {"task": "classification", "recall": 0.75, "balanced_error_rate": 0.2}
BROKEN = Broken(Promise.RECALL, to_ns(NOW - 30 * HOUR), 15, 12, 0.8, 0.25)
LIVE = LiveClass(ClassFigures(60, Counts(20, 7, 40, 4), 0.31, 0.22), Counts(40, 30, 160, 24), (BROKEN,))
INFO = DetectorInfo("silica", "quality", "line", "silica", Judged("silica", bad_above=3.05))


def of_classes(source: Source, live: LiveClass | None, report: Mapping[str, Any] = REPORT) -> Source:
    model = ModelRow("m2", "silica", "champion", NOW - 5 * HOUR, {"report": report, "threshold": 0.4})
    source.ledger.scoring.add_model(replace(model, model_id="m9", role="challenger"))
    source.ledger.scoring.promote(Deed(NOW, "forewarn", "model promoted", "silica", "m2", "m9", "better"))
    return replace(source, detectors=[INFO], live_class=lambda _name: live)


def test_lots_are_bad_by_their_limits_and_persistence_is_the_share_of_bad_ones(source: Source) -> None:
    view = queries.quality_view(of_classes(source, LIVE), INFO)
    by_lot = dict(zip(view.lots, view.measured.tolist(), strict=True))
    assert (by_lot["L8"], by_lot["L9"]) == (0.0, 1.0)  # 3.0 and 3.1
    assert np.isnan(by_lot["L0"])
    place = view.lots.index("L2")  # when it ended L4 to L29 were known: by their limits, from L9 on bad
    assert view.persistence[place] == pytest.approx(21 / 26)
    assert (view.unit, view.live) == ("", LIVE)


def test_the_picture_shows_probabilities_and_from_where_on_a_lot_is_called_bad(source: Source) -> None:
    view = queries.quality_view(of_classes(source, LIVE), INFO)
    figure = figures.predicted(view, EN, source.zone)
    told = ["share of bad lots among the newest results", "predicted", "was good", "was bad"]
    assert [x.name for x in figure.data] == told
    for kind, trace in zip((0.0, 1.0), figure.data[2:], strict=True):
        assert [lot for lot, y in zip(view.lots, trace.y, strict=True) if not np.isnan(y)] == [
            lot for lot, was in zip(view.lots, view.measured, strict=True) if was == kind
        ]
        assert np.isin(trace.y[~np.isnan(trace.y)], view.predicted).all()
    assert [x.y0 for x in figure.layout.shapes] == [0.4]
    assert figure.layout.yaxis.title.text.startswith("probability of a bad lot")


@pytest.mark.parametrize("t", [EN, KO])
def test_the_head_tells_shares_beside_the_back_test_and_what_is_broken(source: Source, t: Any) -> None:
    text = str(quality.drawn(of_classes(source, LIVE), "silica", "en" if t is EN else "ko")[0])
    for said in ("7 / 20 (35.0%)", "4 / 40 (10.0%)", "0.310", "0.220", "75.0%", "15.0%", t("bad lots called bad")):
        assert said in text
    assert "className='bad'" in text
    if t is EN:
        assert "The model misses 12 of 15 bad lots since 2026-03-03 15:00 KST, against 25.0% in the back-test." in text


@pytest.mark.parametrize(("report", "is_told"), [(REPORT, True), ({"task": "classification"}, False)])
def test_before_a_result_came_the_back_test_stands_alone(
    source: Source, report: Mapping[str, Any], is_told: bool
) -> None:
    text = str(quality.drawn(of_classes(source, None, report), "silica", "en")[0])
    assert ("75.0% of the bad lots called bad" in text) is is_told
    assert "Brier" not in text
