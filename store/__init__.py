"""The only rooms that know a database: telemetry (points), the journal, and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from domain.ports import PointStore

POINT_STORES: Final[Mapping[str, str]] = {
    "duckdb": "store.duckdb:DuckDBPoints",
    "influxdb": "store.influxdb:InfluxPoints",
}
SHARED: Final = ("influxdb",)  # stores that several processes may use at once


def open_points(kind: str, folder: Path, settings: Any = None) -> PointStore:
    """Return the point store of a kind, not yet started; drivers are imported only here.

    settings: those of that kind from `store.settings`, None for their defaults.
    """
    from importlib import import_module

    module, _, name = POINT_STORES[kind].partition(":")
    store: PointStore = getattr(import_module(module), name)(folder, settings)
    return store
