"""The demo plant's first day, over its own broker: loaded, trained, replayed, stopped and resumed."""

from __future__ import annotations

import shutil
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from app.demo import START, Demo
from app.paths import bundled_config
from app.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The demo with coarser training, so that it learns in seconds."""
    folder = tmp_path / "config"
    shutil.copytree(bundled_config() / "demo", folder)
    toml = folder / "forewarn.toml"
    toml.write_text(toml.read_text().replace("train_step = 3", "train_step = 12"))
    return load(folder, {"data": {"folder": str(tmp_path / "data")}})


def test_the_first_days_add_up_and_a_second_start_goes_on_where_the_first_stopped(settings: Settings) -> None:
    first = Demo(settings, None, threading.Event(), START + timedelta(hours=20)).run()
    assert first["missing"] == 0
    assert first["published"] == first["received"] == first["stored"]
    assert first["windows_scored"] >= 15  # one lot an hour

    second = Demo(settings, None, threading.Event(), START + timedelta(hours=64)).run()
    assert second["missing"] == 0
    assert second["dead_lettered"] == 2  # cut JSON at hour 30, an unknown tag at hour 60
    assert second["received"] == second["stored"] + second["dead_lettered"]
    assert second["published"] == second["received"] > first["published"]
    assert second["quality"]["n_lots"] >= 60
    assert second["quality"]["rmse"] > 0
    assert second["redelivered"] == 0
