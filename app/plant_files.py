"""assets.csv and tags.csv to the plant: rows in, assets and tags out, every fault with its line."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from app import faults as f
from domain.errors import Fault
from domain.instants import parse_duration
from domain.plant import Asset, AssetClass, Axis, Plant, Tag

TAG_COLUMNS: Final = ("asset", "tag", "unit", "period", "low", "high", "title", "role", "controllable", "min", "max")
ROLES: Final = ("process", "lab", "info")


def read_plant(folder: Path, classes: Mapping[str, AssetClass]) -> tuple[Plant, list[Fault]]:
    """Read both tables. An asset column of tags.csv may be a pattern (`demo/fleet/*`) or `class:NAME`."""
    assets, faults = _assets(folder / "assets.csv", classes)
    tags, tag_faults = _tags(folder / "tags.csv", assets, classes)
    return Plant.of(classes.values(), assets.values(), tags), [*faults, *tag_faults]


def _assets(path: Path, classes: Mapping[str, AssetClass]) -> tuple[dict[str, Asset], list[Fault]]:
    rows, faults = f.read_csv(path, ("asset", "class"))
    assets: dict[str, Asset] = {}
    for line, row in rows:
        where = f"{path}:{line}"
        name, class_name = row["asset"], row["class"]
        if not name or "" in name.split("/") or any(c in name for c in "+#*?\n"):
            faults.append(Fault(where, "asset", name, "a path of non-empty levels without + # * ?"))
        elif name in assets:
            faults.append(Fault(where, "asset", name, "stands twice"))
        elif class_name not in classes:
            rule = f"no such class in forewarn.toml{f.suggest(class_name, classes)}"
            faults.append(Fault(where, "class", class_name, rule))
        else:
            try:
                assets[name] = _asset(row, classes[class_name])
            except ValueError as error:
                faults.append(Fault(where, "(row)", name, str(error)))
    return assets, faults


def _asset(row: Mapping[str, str], asset_class: AssetClass) -> Asset:
    first = row.get("first_cycle_at", "")
    if first and datetime.fromisoformat(first).tzinfo is None:
        raise ValueError(f"first_cycle_at {first} has no zone")
    lead = row.get("lead", "")
    units = None
    if lead:
        duration = None if asset_class.axis is Axis.CYCLE else parse_duration(lead)
        units = int(lead) if duration is None else int(duration.total_seconds() * 1_000_000_000)
        if not 0 <= units < asset_class.horizon:
            raise ValueError(f"lead {lead} is not shorter than the class's horizon")
    known = {"asset", "class", "position", "lead"}
    attributes = {k: v for k, v in row.items() if k not in known and v}
    return Asset(row["asset"], asset_class.name, int(row.get("position") or 0), units, attributes)


def _tags(path: Path, assets: Mapping[str, Asset], classes: Mapping[str, AssetClass]) -> tuple[list[Tag], list[Fault]]:
    rows, faults = f.read_csv(path, ("asset", "tag"), TAG_COLUMNS)
    tags: dict[str, Tag] = {}
    for line, row in rows:
        where = f"{path}:{line}"
        pattern = row["asset"]
        found = [
            a.path
            for a in assets.values()
            if (pattern.startswith("class:") and a.class_name == pattern[6:]) or fnmatch.fnmatch(a.path, pattern)
        ]
        if not found and assets:
            known = [*assets, *(f"class:{c}" for c in classes)]
            faults.append(Fault(where, "asset", pattern, f"matches no asset{f.suggest(pattern, known)}"))
        for asset in found:
            try:
                tag = _tag(asset, row, classes[assets[asset].class_name])
            except ValueError as error:
                faults.append(Fault(where, row["tag"] or "tag", ",".join(row.values())[:60], str(error)))
                break
            if tag.tag_id in tags:
                faults.append(Fault(where, "tag", tag.tag_id, "stands twice"))
                break
            tags[tag.tag_id] = tag
    return list(tags.values()), faults


def _tag(asset: str, row: Mapping[str, str], asset_class: AssetClass) -> Tag:
    if not row["tag"] or "/" in row["tag"]:
        raise ValueError("a tag's name is not empty and holds no /")
    low, high = (float(row[k]) if row.get(k) else None for k in ("low", "high"))
    if low is not None and high is not None and low >= high:
        raise ValueError(f"low {low} is not below high {high}")
    least, most = (float(row[k]) if row.get(k) else None for k in ("min", "max"))
    if least is not None and most is not None and least >= most:
        raise ValueError(f"min {least} is not below max {most}")
    role = row.get("role") or "process"
    if role not in ROLES:
        raise ValueError(f"role {role!r} is none of {', '.join(ROLES)}{f.suggest(role, ROLES)}")
    stated = row.get("controllable", "")
    if stated not in ("", "yes", "no"):
        raise ValueError(f"controllable {stated!r} is neither yes nor no")
    period = parse_duration(row["period"]) if row.get("period") else asset_class.period
    if period <= timedelta(0):
        raise ValueError(f"period {row['period']} is not longer than 0")
    return Tag(
        asset,
        row["tag"],
        row.get("unit", ""),
        period,
        low,
        high,
        row.get("title", ""),
        role,
        stated == "yes",
        least,
        most,
    )
