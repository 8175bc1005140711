"""A planted chattering tag: the advice names its rule, and the replay proves what it spares."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from app.alarm_figures import figures, is_worth, proved
from app.pipeline import Pipeline
from domain.instants import to_ns
from domain.points import Points
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at


def test_the_advice_for_a_chattering_tag_spares_nine_of_ten_alerts_and_loses_no_stop(tmp_path: Path) -> None:
    rules = tiny.RULES.replace("clear = 7.0\non_delay", "on_delay").replace('on_delay = "3min"', 'on_delay = "0s"')
    n = 900
    value = np.where(np.arange(n) < 450, 5.0, 8.0 + 0.1 * np.where(np.arange(n) % 2, 1.0, -1.0))
    times = [to_ns(tiny.T0 + i * timedelta(seconds=10)) for i in range(1, n + 1)]
    with tiny.rooms_of(tiny.settings_in(tmp_path, rules_toml=rules)) as rooms:
        rooms.points.apply("h", Points.of([f"{tiny.PUMP}/pressure"] * n, times, value.tolist()))
        stop = tiny.failure(tiny.PUMP, 130, 160)
        rooms.ledger.records.apply("e", [tiny.decoded(events=[stop])])
        Pipeline(rooms, {}, tiny.T0, has_journal=False).tick(at(149))
        found = figures(rooms, tiny.T0, at(151))
        (position,) = found.positions
        assert position.chattering == (("pressure-high", tiny.PUMP),)
        assert "n_chattering" in position.missed
        assert found.grades[0].asset == tiny.PUMP
        first = found.advice[0]
        assert (first.rule, first.asset, first.key, first.value) == ("pressure-high", tiny.PUMP, "clear", 7.5)
        proof = proved(rooms, first, tiny.T0, at(149))
        assert proof.now.n_alerts == position.burden.n > 100
        assert proof.then.n_alerts <= 0.1 * proof.now.n_alerts
        assert (proof.now.n_stops, proof.now.n_caught, proof.then.n_caught) == (1, 1, 1)
        assert is_worth(proof)
