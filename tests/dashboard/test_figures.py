"""Figures without Dash: what is drawn, and why something is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboard import figures, queries
from dashboard.source import Source
from domain.text import catalogue
from tests.dashboard.conftest import HOUR, NOW, PRESS, SILENT

EN, KO = catalogue("en"), catalogue("ko")


def notes(figure: Any) -> list[str]:
    return [a.text for a in figure.layout.annotations]


def test_a_trend_has_a_row_per_tag_with_its_limits(source: Source) -> None:
    view = queries.asset_view(source, PRESS, ["oil", "pressure"], NOW - 20 * HOUR, NOW)
    figure = figures.trend(view, EN, source.zone)
    assert [t.name for t in figure.data] == ["oil [degC]", "pressure [bar]"]
    limits = {s.y0 for s in figure.layout.shapes if s.line.dash == "dash"}
    assert limits == {20.0, 80.0}


def test_times_are_the_plants_and_the_axis_says_so(source: Source) -> None:
    view = queries.asset_view(source, PRESS, ["oil"], NOW - 2 * HOUR, NOW)
    figure = figures.trend(view, EN, source.zone)
    assert list(figure.data[0].x) == ["2026-03-04 19:00:00", "2026-03-04 20:00:00"]
    assert figure.layout.xaxis.title.text == "time, Asia/Seoul"


@pytest.mark.parametrize(("tags", "asset", "reason"), [([], PRESS, "Choose a tag"), (["oil"], SILENT, "No data")])
def test_an_empty_trend_says_why(source: Source, tags: list[str], asset: str, reason: str) -> None:
    view = queries.asset_view(source, asset, tags, NOW - HOUR, NOW)
    figure = figures.trend(view, EN, source.zone)
    assert not figure.data
    assert notes(figure)[0].startswith(reason)


def test_scores_are_drawn_in_percent_between_low_and_high_with_the_limit(source: Source) -> None:
    view = queries.asset_view(source, PRESS, [], NOW - 3 * HOUR, NOW)
    low, high, value = figures.scores(view, EN, source.zone).data
    assert value.y[-1] == pytest.approx(99.0)
    assert all(a <= b <= c for a, b, c in zip(low.y, value.y, high.y, strict=True))


def test_contributions_name_tag_value_and_unit_strongest_at_the_top(source: Source) -> None:
    newest = source.ledger.scoring.latest("press-failure")[PRESS]
    figure = figures.contributions(newest, EN, {"oil": "degC", "pressure": "bar"}, {"oil": "<oil> in the gear box"})
    first, second = figure.data[0].y
    assert first == "pressure  52 bar"
    assert second.startswith("oil  51 degC<br>")
    assert "&lt;oil&gt; in the gear box" in second


def test_quality_shows_persistence_beside_prediction_and_measurement(source: Source) -> None:
    view = queries.quality_view(source, source.detectors[1])
    names = [t.name for t in figures.predicted(view, EN, source.zone).data]
    assert {"persistence (last known)", "predicted", "measured"} <= set(names)


@pytest.mark.parametrize(("unit", "title"), [("%", "silica [%]"), ("", "silica")])
def test_a_result_without_a_unit_has_no_empty_brackets(source: Source, unit: str, title: str) -> None:
    view = replace(queries.quality_view(source, source.detectors[1]), unit=unit)
    assert figures.predicted(view, EN, source.zone).layout.yaxis.title.text == title


def _curve_row(weekly: float, caught: int, money: float | None, *, taken: bool = False) -> dict[str, Any]:
    return {
        "raise_at": -weekly, "caught": caught, "events": 10, "false_alarms_per_week": weekly, "money_per_week": money,
        "recall_band": [caught / 10 - 0.05, caught / 10 + 0.05], "is_taken": taken,
    }  # fmt: skip


def test_an_operating_curve_shows_recall_its_band_its_price_and_the_threshold_taken() -> None:
    rows = [_curve_row(2.0, 9, 50.0), _curve_row(0.5, 7, 80.0, taken=True)]
    figure = figures.operating_curve(rows, catalogue("en"))
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert list(named["stops caught"].x) == [0.5, 2.0]
    assert list(named["cost per asset and week"].y) == [80.0, 50.0]
    assert list(named["threshold taken"].y) == [0.7]


def test_an_operating_curve_of_too_few_events_says_so() -> None:
    rows = [{**_curve_row(2.0, 3, None), "events": 4}]
    assert "not enough events: 4" in str(figures.operating_curve(rows, catalogue("en")).layout.annotations)
    assert "No model yet" in str(figures.operating_curve((), catalogue("en")).layout.annotations)
