"""The only rooms that know a database: telemetry (points), the journal, and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from domain.ports import PointStore

POINT_STORES: Final[Mapping[str, str]] = {"duckdb": "store.duckdb:DuckDBPoints"}


def open_points(kind: str, folder: Path) -> PointStore:
    """Return the point store of a kind, not yet started; drivers are imported only here."""
    from importlib import import_module

    module, _, name = POINT_STORES[kind].partition(":")
    store: PointStore = getattr(import_module(module), name)(folder)
    return store
