"""What the pages are told, without any page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dashboard import queries, words
from dashboard.pages.asset import time_range
from dashboard.pages.system import body, letter, read_again
from dashboard.source import Reread, Source
from domain.instants import to_ns
from domain.points import Points
from domain.records import Conflict, Decoded, Outcome
from domain.scores import Verdict
from domain.text import catalogue
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
    assert queries.asset_view(replace(source, read_rules=lambda: (own,)), PRESS, [], NOW - HOUR, NOW).thresholds == {
        "press-failure": 0.7
    }


def test_a_detector_without_a_rule_has_no_limit(source: Source) -> None:
    assert queries.asset_view(replace(source, read_rules=lambda: ()), PRESS, [], NOW - HOUR, NOW).thresholds == {}


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


def _trend(source: Source, days: float) -> queries.Series:
    (series,) = queries.asset_view(source, PRESS, ["oil"], NOW - timedelta(days=days), NOW).series
    return series


def test_a_trend_reaches_beyond_the_points_that_are_kept(source: Source) -> None:
    whole = _trend(source, 1)
    source.points.delete_before(to_ns(NOW - 5 * HOUR))
    kept = _trend(source, 1)
    assert kept.values.tolist() == whole.values.tolist()
    assert kept.times.tolist() == whole.times.tolist()  # a point an hour, on the hour: low and high are one


def test_a_trend_of_very_many_points_is_drawn_from_the_hours(source: Source) -> None:
    tag = replace(source.plant.tags[PRESS]["oil"], period=timedelta(seconds=1))
    plant = replace(source.plant, tags={**source.plant.tags, PRESS: {"oil": tag}})
    source.points.roll_up()
    at = to_ns(NOW - timedelta(days=20))
    source.points.apply("spike", Points.of([tag.tag_id] * 2, [at, at + 1], [-900.0, 900.0]))
    assert 900.0 not in _trend(replace(source, plant=plant), 30).values  # it is not rolled up yet
    source.points.roll_up()
    series = _trend(replace(source, plant=plant), 30)
    assert {-900.0, 900.0} <= set(series.values.tolist())
    assert len(series.times) <= 2 * queries.BUCKETS
    assert (np.diff(series.times) > 0).all()


def test_a_long_trend_before_the_first_roll_up_is_drawn_from_the_points(source: Source) -> None:
    tag = replace(source.plant.tags[PRESS]["oil"], period=timedelta(seconds=1))
    plant = replace(source.plant, tags={**source.plant.tags, PRESS: {"oil": tag}})
    assert len(_trend(replace(source, plant=plant), 30).times) == len(_trend(source, 30).times) > 0


def test_system_view_tells_the_health_of_the_software(source: Source) -> None:
    view = queries.system_view(source)
    assert [(r.name, words.measure(r)) for r in view.health] == [("sum", "0"), ("disk", "42.0 %"), ("lag", "3 s")]


def test_reading_dead_letters_again_is_told_and_goes_on_with_what_is_left(source: Source) -> None:
    asked: list[tuple[int | None, str | None, int | None]] = []

    def reread(number: int | None, reason: str | None, before: int | None) -> Reread:
        asked.append((number, reason, before))
        return Reread(3, 2, 40) if before is None and number is None else Reread(1, 0)

    given, t = replace(source, reread=reread), catalogue("en")
    told, left = read_again(given, t, None, "json", None)
    assert told == "3 read again: 2 mended, 1 as bad as before. There are more, below number 40: press again to go on."
    assert read_again(given, t, None, "json", left) == ("1 read again: 0 mended, 1 as bad as before.", None)
    read_again(given, t, None, None, left)  # another reason begins anew
    read_again(given, t, 7, "json", left)
    assert asked == [(None, "json", None), (None, "json", 40), (None, None, None), (7, "json", None)]


def test_a_dead_letter_is_shown_whole_with_its_bytes(source: Source) -> None:
    (held,) = source.journal.dead_letters()
    shown = str(letter(source, catalogue("en"), held.id))
    for part in (
        "unknown_tag",
        "forewarn/point/plant/press-1/oli",
        "2026-03-04 21:00 KST",
        held.sha256,
        "Pre(children='x'",
    ):
        assert part in shown
    assert "No dead letter" in str(letter(source, catalogue("en"), None))
    assert "No dead letter" in str(letter(source, catalogue("en"), held.id + 1))
    assert queries.payload_text(b"a\x1b[2J\nb\xff") == ("a\\x1b[2J\nb\\xff", 0)
    assert queries.payload_text(b"x" * 20_005)[1] == 5


def test_conflicts_are_shown_with_both_values(source: Source) -> None:
    conflict = Conflict("plant/press-1/oil", NOW, "1.5", "2.5")
    source.journal.settle_block("b", "mqtt", NOW, Decoded(Points.from_rows(())), Outcome(conflicts=(conflict,)))
    (kept,) = queries.system_view(source).conflicts
    assert (kept.key, kept.at, kept.stored, kept.offered) == ("plant/press-1/oil", NOW, "1.5", "2.5")
    assert "2.5" in str(body(source, catalogue("en")))
