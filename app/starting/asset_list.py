"""A list of assets that nobody described (type, age, line, ...) to the attributes of assets.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.starting.looking import are_assets, nearest
from app.starting.plans import AssetPlan, asset_name
from collectors import guessing, roles
from collectors.sampling import first_rows, sniff
from collectors.tables import BadFileError
from domain.records import Reason

TAKEN: Final = ("asset", "class", "position", "lead", "first_cycle_at")  # mean something else in assets.csv


def read_assets(path: Path, assets: Sequence[str]) -> AssetPlan:
    """Plan what a list says of each asset, a row for each; raises BadFileError, whose text says what to do.

    assets: those that the sensor files name. A column without any text or number is left out.
    """
    cells = {name: list(column) for name, column in first_rows(path, sniff(path, has_values=False)).columns.items()}
    unique = [n for n in sorted(cells, key=len) if len(set(map(str, cells[n]))) == len(cells[n])]
    fitting = [n for n in unique if roles.fits(n, "asset")]
    known = [n for n in unique if are_assets(cells[n], assets)]
    named = [n for n in fitting if n in known] + known + fitting
    if not named:
        raise BadFileError(
            Reason.HEADER, f"{path.name}: no column names each machine once, as the other files do: add one (`asset`)"
        )
    owner = named[0]
    others = [n for n in cells if n != owner]
    names = [each.name for each in guessing.distinct_names([guessing.name_in(n) for n in others], TAKEN)]
    rows = {
        nearest(str(raw), assets): {
            name: str(cells[n][i]).strip() for n, name in zip(others, names, strict=True) if cells[n][i] is not None
        }
        for i, raw in enumerate(cells[owner])
    }
    return AssetPlan({asset_name(a): {k: v for k, v in own.items() if v} for a, own in rows.items()})
