"""Verdicts: what is said of an asset, and what goes before what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.verdict import AssetState, verdict_of
from domain.scores import Scale, Score, Verdict
from domain.text import catalogue, phrase, spoken
from tests.alerts.examples import MINUTE, at

GOOD = Score("d", "plant/press", "", at(9), 0.1, 0.0, 0.2, Scale.PROBABILITY, "m1", Verdict.OK)
UNSCORED = replace(GOOD, value=None, verdict=Verdict.NOT_ASSESSED, reason=phrase("too few rows of {tag}", tag="T24"))
HEALTHY = AssetState("plant/press", None, at(10), MINUTE, 0, (GOOD,), 1, 1)
NOW = at(10)


def said(**changes: Any) -> tuple[Verdict, str]:
    verdict, reason = verdict_of(replace(HEALTHY, **changes), NOW)
    return verdict, spoken(catalogue("en"), reason)


def test_healthy_asset_is_ok() -> None:
    assert said() == (Verdict.OK, "")


def test_open_alert_is_an_alarm() -> None:
    assert said(n_open_alerts=2) == (Verdict.ALARM, "")


def test_asset_that_never_reported_has_no_data() -> None:
    assert said(newest_at=None) == (Verdict.NO_DATA, "no data yet")


def test_asset_silent_for_more_than_three_periods_has_no_data() -> None:
    assert said(newest_at=at(7)) == (Verdict.OK, "")
    assert said(newest_at=at(6.99)) == (Verdict.NO_DATA, f"silent since {at(6.99).isoformat()}")


def test_slow_tags_are_waited_for() -> None:
    assert said(newest_at=at(-20), period=10 * MINUTE) == (Verdict.OK, "")


def test_stopped_asset_has_no_data() -> None:
    assert said(stopped_since=at(3)) == (Verdict.NO_DATA, f"stopped since {at(3).isoformat()}")


def test_asset_without_a_detector_is_not_assessed() -> None:
    assert said(n_detectors=0, n_models=0, scores=()) == (
        Verdict.NOT_ASSESSED,
        "no detector is configured for it",
    )


def test_asset_without_a_model_is_not_assessed() -> None:
    assert said(n_models=0, scores=()) == (Verdict.NOT_ASSESSED, "no model yet")


def test_asset_not_scored_yet_is_not_assessed() -> None:
    assert said(scores=()) == (Verdict.NOT_ASSESSED, "learning: not scored yet")


def test_score_without_a_value_says_why() -> None:
    assert said(scores=(GOOD, UNSCORED)) == (Verdict.NOT_ASSESSED, "too few rows of T24")


def test_failed_engine_is_an_error() -> None:
    assert said(engine_error="KeyError: {'T24'}") == (Verdict.ENGINE_ERROR, "scoring failed: KeyError: {'T24'}")


ORDER: list[tuple[Verdict, str, dict[str, Any]]] = [
    (Verdict.ENGINE_ERROR, "scoring failed: {error}", {"engine_error": "no memory"}),
    (Verdict.NO_DATA, "stopped since {since}", {"stopped_since": at(3)}),
    (Verdict.NO_DATA, "silent since {since}", {"newest_at": at(0)}),
    (Verdict.ALARM, "", {"n_open_alerts": 1}),
    (Verdict.NOT_ASSESSED, "too few rows of {tag}", {"scores": (UNSCORED,)}),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=lambda i: ORDER[i][0].value)
def test_verdicts_go_before_one_another(first: int) -> None:
    everything: dict[str, Any] = {}
    for _, _, changes in ORDER[first:]:
        everything |= changes
    verdict, reason = verdict_of(replace(HEALTHY, **everything), NOW)
    assert verdict is ORDER[first][0]
    assert (json.loads(reason)[0] if reason else "") == ORDER[first][1]


def test_alarm_goes_before_a_missing_model() -> None:
    assert said(n_open_alerts=1, n_models=0, scores=())[0] is Verdict.ALARM
