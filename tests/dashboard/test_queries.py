"""What the pages are told, without any page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dashboard import queries
from dashboard.pages.asset import time_range
from dashboard.source import Source
from domain.scores import Verdict
from tests.dashboard.conftest import HOUR, LINE, NOW, PRESS, SILENT, STOPPED


def test_the_most_urgent_asset_comes_first_and_stopped_ones_last(source: Source) -> None:
    tiles = queries.overview(source)
    assert [t.asset for t in tiles] == [PRESS, SILENT, LINE, STOPPED]
    assert tiles[0].verdict is Verdict.ALARM
    assert tiles[0].n_alerts == 1


def test_a_tiles_age_is_that_of_its_newest_point(source: Source) -> None:
    ages = {t.asset: t.age for t in queries.overview(source)}
    assert ages[LINE] == HOUR
    assert ages[SILENT] == 9 * HOUR


def test_an_asset_that_nothing_is_known_of_has_no_age_and_no_data(source: Source) -> None:
    source.ledger.stop()
    tiles = queries.overview(_without_verdicts(source))
    assert {t.verdict for t in tiles} == {Verdict.NO_DATA}
    assert {t.age for t in tiles} == {None}


def _without_verdicts(source: Source) -> Source:
    from store.ledger import Ledger

    empty = Ledger(source.ledger._file.parent / "empty")
    empty.start()
    return replace(source, ledger=empty)


def test_an_assets_trend_is_half_open_and_only_of_the_chosen_tags(source: Source) -> None:
    view = queries.asset_view(source, PRESS, ["oil", "unknown"], NOW - 10 * HOUR, NOW)
    assert [s.tag.name for s in view.series] == ["oil"]
    assert len(view.series[0].times) == 10


def test_an_alert_is_marked_from_its_raise_on(source: Source) -> None:
    view = queries.asset_view(source, PRESS, [], NOW - 10 * HOUR, NOW)
    assert [(m.rule, m.raised_at, m.returned_at) for m in view.marks] == [("press-risk", NOW - 5 * HOUR, None)]
    assert not queries.asset_view(source, PRESS, [], NOW - 10 * HOUR, NOW - 6 * HOUR).marks


def test_the_drawn_limit_is_the_one_that_raises_the_alert(source: Source) -> None:
    view = queries.asset_view(source, PRESS, [], NOW - HOUR, NOW)
    assert view.thresholds == {"press-failure": 0.9}
    own = replace(source.rules[0], raise_at=0.7, clear_at=0.6)
    assert queries.asset_view(replace(source, rules=(own,)), PRESS, [], NOW - HOUR, NOW).thresholds == {
        "press-failure": 0.7
    }


def test_a_detector_without_a_rule_has_no_limit(source: Source) -> None:
    assert queries.asset_view(replace(source, rules=()), PRESS, [], NOW - HOUR, NOW).thresholds == {}


def test_persistence_is_the_last_value_known_when_the_lot_ended(source: Source) -> None:
    view = queries.quality_view(source, source.detectors[1])
    by_lot = dict(zip(view.lots, view.persistence.tolist(), strict=True))
    # L3 ended 3 h ago; the result of L5 (2.7) was given exactly then, that of L4 an hour later.
    assert by_lot["L3"] == pytest.approx(2.7)


def test_errors_are_over_lots_that_were_measured(source: Source) -> None:
    view = queries.quality_view(source, source.detectors[1])
    assert np.isnan(view.measured[[view.lots.index("L0"), view.lots.index("L1")]]).all()
    assert view.rmse("predicted") == pytest.approx(0.2)
    assert view.rmse("persistence") == pytest.approx(0.2)


def test_a_factor_is_held_against_the_result_of_its_own_lot(source: Source) -> None:
    found = queries.factor_scatter(source, source.detectors[1], "feed")
    assert found is not None
    assert len(found.x) == 28
    assert found.unit == "%"
    assert queries.factor_scatter(source, source.detectors[1], "nothing") is None


def test_the_system_view_tells_the_sum_and_the_reasons(source: Source) -> None:
    view = queries.system_view(source)
    assert [(t.received, t.stored, t.dead_lettered, t.difference) for t in view.totals] == [(2, 1, 1, 0)]
    assert view.dead_by_reason == {"unknown_tag": 1}
    assert view.untrained == ()


def test_a_range_in_days_ends_with_the_newest_data(source: Source) -> None:
    start, end = time_range(source, PRESS, "1", "", "")
    assert end == NOW + timedelta(seconds=1)
    assert end - start == timedelta(days=1)


def test_chosen_dates_are_whole_local_days_in_any_order(source: Source) -> None:
    start, end = time_range(source, PRESS, "dates", "2026-03-03", "2026-03-02")
    assert (start.isoformat(), end.isoformat()) == ("2026-03-02T00:00:00+09:00", "2026-03-04T00:00:00+09:00")
