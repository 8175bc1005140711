"""What `features lags` advises: lags that are surely there."""

from __future__ import annotations

from typing import Any

from app.commands.features import _lag_table


def _found(low: float) -> dict[str, Any]:
    tag = {"tag": "speed", "lag_s": 900.0, "lag_interval_s": [low, 3000.0], "p": 0.01, "is_found": True}
    r2 = {"estimated": 0.4, "configured": 0.2, "none": 0.2}
    return {"detector": "q", "n_lots": 100, "n_earlier": 60, "step_s": 60.0, "tags": [tag], "later_r2": r2}


def test_a_lag_is_advised_only_where_its_interval_leaves_none_out() -> None:
    assert any('lag = { "speed" = "900s" }' in line for line in _lag_table(_found(300.0)))
    assert not any("lag = {" in line for line in _lag_table(_found(0.0)))
