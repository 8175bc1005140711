"""`forewarn features`: what the feature sets of the config will take, the stored history's windows to Parquet, and how
much earlier each tag's station sees a lot.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import logging
import resource
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from app import feature_plan, history, lag_finding, windowing
from app.clock import SystemClock
from app.commands.opening import clear, opened_for, shower
from app.rooms import Rooms
from app.running import CommandError
from app.settings import Settings, load
from detectors import detector_class
from domain.instants import duration_ns, from_ns, parse_duration, to_ns
from domain.plant import Asset
from domain.scores import TrainingError
from domain.vectors import FeatureSet
from features import scale, stream
from features.scale import WorkersError
from features.settings import FeatureSettings
from features.stream import Part

log = logging.getLogger(__name__)
ALL_OF_TIME = -1, 2**62
ROWS_COUNTED = 10_000  # windows looked at together, where they are only counted


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Show the plan of each feature set, or export one."""
    settings = load(args.config)
    if args.action == "lags":
        return _lags(settings, args)
    sets = [x for x in settings.root.features if args.set in (None, x.name)]
    if not sets:
        known = ", ".join(x.name for x in settings.root.features) or "none"
        raise CommandError(f"--set {args.set}: no such feature set; there are: {known}", 2)
    try:
        if args.action == "plan":
            return _plan(settings, sets, args, stopping)
        if len(sets) > 1:
            names = ", ".join(x.name for x in sets)
            raise CommandError(f"a file holds one feature set: --set one of {names}", 2)
        return _export(settings, sets[0], args, stopping)
    finally:
        clear()


def _plan(
    settings: Settings, sets: Sequence[FeatureSettings], args: argparse.Namespace, stopping: threading.Event
) -> int:
    plans = []
    with opened_for(settings) as rooms:
        for chosen in sets:
            features, _ = feature_plan.columns(settings, chosen)
            found = feature_plan.described(settings, chosen, SystemClock().monotonic)
            n = dict.fromkeys((a.path for a in _assets(settings, chosen, args)), 0)
            for part in _parts(rooms, settings, chosen, features, args, ROWS_COUNTED, stopping):
                n[part.grid.asset] += len(part.windows)
            found = feature_plan.counted(found, n)
            peak = _stated_peak(rooms, settings, chosen, features, args)
            plans.append(found | {"dtype": args.dtype, "workers": args.workers, "peak_mb": round(peak / 2**20)})
    clear()
    if args.json:
        print(json.dumps(plans))
    else:
        print("\n\n".join("\n".join(_table(plan)) for plan in plans))
    return 0


def _table(plan: Mapping[str, Any]) -> Iterator[str]:
    samples = sorted(set(plan["tags"].values()))
    yield (
        f"{plan['set']}: class {plan['asset_class']}, windows of {plan['window']} every {plan['step']} "
        f"({plan['axis']} axis), {len(plan['tags'])} tags of {' or '.join(map(str, samples))} samples"
    )
    yield f"  {'computed by':14}{'values':>8}{'us/tag':>10}{'us/window':>12}  calculators"
    for way in plan["ways"]:
        line = f"  {way['way']:14}{way['n_values']:8}{way['us_per_window_of_a_tag']:10.1f}{way['us_per_window']:12.1f}"
        yield f"{line}  {', '.join(way['calculators'])}"
    us = plan["us_per_window"]
    yield f"  {'all':14}{plan['n_columns']:8}{us / len(plan['tags']):10.1f}{us:12.1f}"
    if plan["n_left_out"]:
        left_out = ", ".join(f"{name} ({n})" for name, n in plan["left_out"].items())
        yield f"  left out, for no window of this length has them: {plan['n_left_out']} columns: {left_out}"
    assets = sum(n > 0 for n in plan["assets"].values())
    yield f"  history: {plan['windows']} windows of {assets} assets, about {plan['seconds']:.1f} s on one core"
    yield f"  peak memory of an export as {plan['dtype']} with {plan['workers']} workers: {plan['peak_mb']} MB"


def _lags(settings: Settings, args: argparse.Namespace) -> int:
    try:
        most_ns = duration_ns(parse_duration(args.most))
    except ValueError as error:
        raise CommandError(f"--most {args.most}: {error}", 2) from error
    of_lots = [d for d in settings.root.detectors if detector_class(d.kind).role == "quality"]
    chosen = [d for d in of_lots if args.detector in (None, d.name)]
    if len(chosen) != 1:
        known = ", ".join(d.name for d in of_lots) or "none"
        raise CommandError(f"--detector {args.detector or ''}: name one of {known}", 2)
    with opened_for(settings) as rooms:
        try:
            found = lag_finding.lags_of(rooms, chosen[0], most_ns, SystemClock().now())
        except TrainingError as error:
            raise CommandError(str(error)) from error
    print(json.dumps(found) if args.json else "\n".join(_lag_table(found)))
    return 0


def _lag_table(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['detector']}: lags on {found['n_lots']} lots, in steps of {found['step_s']:g} s"
    yield f"  {'tag':32}{'lag':>10}{'90 % interval':>20}{'chance':>9}"
    for x in found["tags"]:
        low, high = x["lag_interval_s"]
        lag = f"{x['lag_s']:g} s" if x["is_found"] else "-"
        between = f"{low:g} to {high:g} s" if x["is_found"] else "-"
        yield f"  {x['tag']:32}{lag:>10}{between:>20}{x['p']:9.3f}"
    r2 = found["later_r2"]
    plain = f"with the lags of the config {r2['configured']:.3f}, with none {r2['none']:.3f}"
    n_later = found["n_lots"] - found["n_earlier"]
    yield f"  R2 on the last {n_later} lots, by lags of those before: {r2['estimated']:.3f}; {plain}"
    told = ", ".join(f'"{x["tag"]}" = "{x["lag_s"]:g}s"' for x in found["tags"] if _is_sure(x))
    if told and r2["estimated"] > r2["configured"]:
        yield f"  for [[features]]: lag = {{ {told} }}"


def _is_sure(tag: Mapping[str, Any]) -> bool:
    """Return whether a lag is beyond chance, and its interval does not hold that there is none."""
    return bool(tag["is_found"] and tag["lag_interval_s"][0] > 0)


def _export(settings: Settings, chosen: FeatureSettings, args: argparse.Namespace, stopping: threading.Event) -> int:
    out = _out(args.out)
    dtype, workers, clock = np.dtype(args.dtype), _workers(args.workers), SystemClock()
    features, _ = feature_plan.columns(settings, chosen)
    n_rows = stream.rows_at_once(len(features.names), dtype.itemsize, stream.PART_BYTES)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    with opened_for(settings) as rooms:
        stated = _stated_peak(rooms, settings, chosen, features, args)
        before, begun = _peak(), clock.monotonic()
        given = _parts(rooms, settings, chosen, features, args, n_rows, stopping)
        try:
            vectors = scale.vectors(given, features.names, dtype, workers)
            most = _most_windows(rooms, settings, chosen, features, args)
            n = stream.write_parquet(out, features.names, vectors, dtype, most_rows=most)
        except WorkersError as error:
            raise CommandError(f"--workers {args.workers}: {error}") from error
        took, peak = clock.monotonic() - begun, _peak() - before
    clear()
    told = {"rows": n, "columns": len(features.names), "seconds": round(took, 2)}
    told |= {"peak_mb": round(peak / 2**20), "stated_peak_mb": round(stated / 2**20), "bytes": out.stat().st_size}
    if args.json:
        print(json.dumps(told))
    else:
        print(
            f"{out}: {n} rows, {len(features.names)} columns, {took:.1f} s, peak memory {told['peak_mb']} MB "
            f"(stated: at most {told['stated_peak_mb']} MB), file of {out.stat().st_size / 2**20:.1f} MB"
        )
    return 0


def _stated_peak(
    rooms: Rooms, settings: Settings, chosen: FeatureSettings, features: FeatureSet, args: argparse.Namespace
) -> int:
    n, itemsize = _most_windows(rooms, settings, chosen, features, args), np.dtype(args.dtype).itemsize
    return feature_plan.stated_peak(settings, chosen, features, itemsize, _workers(args.workers), n)


def _most_windows(
    rooms: Rooms, settings: Settings, chosen: FeatureSettings, features: FeatureSet, args: argparse.Namespace
) -> int:
    of_assets, span = _assets(settings, chosen, args), _span(settings, args)
    return sum(history.most_windows(rooms.points, settings.plant, asset, features, *span) for asset in of_assets)


def _out(path: Path | None) -> Path:
    if path is None:
        raise CommandError("forewarn features export needs --out FILE.parquet", 2)
    if not path.parent.is_dir():
        raise CommandError(f"--out {path}: there is no folder {path.parent}", 2)
    return path


def _parts(
    rooms: Rooms,
    settings: Settings,
    chosen: FeatureSettings,
    features: FeatureSet,
    args: argparse.Namespace,
    n_rows: int,
    stopping: threading.Event,
) -> Iterator[Part]:
    """Yield the parts of all assets, and tell of them on a terminal; raises CommandError where it is told to stop."""
    show, n = shower("features"), 0
    since, until = _span(settings, args)
    samples = windowing.full_samples(settings.plant, chosen.asset_class, features)
    told: set[str] = set()
    for asset in _assets(settings, chosen, args):
        for part in history.parts(rooms.points, settings.plant, asset, features, since, until, n_rows):
            if stopping.is_set():
                raise CommandError("stopped; nothing was written")
            n += len(part.windows)
            show(f"{n} windows, {asset.path} until {from_ns(part.windows.end[-1]).isoformat()}")
            _warn_of_longer(part, samples, told)
            yield part


def _warn_of_longer(part: Part, samples: Mapping[str, int], told: set[str]) -> None:
    """Warn once of a tag that reports faster than its period says, so that its windows could have more columns."""
    before = np.concatenate([np.zeros((1, len(part.grid.tags)), int), np.cumsum(~np.isnan(part.grid.values), axis=0)])
    most = (before[part.windows.stop] - before[part.windows.first]).max(axis=0).tolist()
    for tag, n in zip(part.grid.tags, most, strict=True):
        if n > samples[tag] * 1.1 and tag not in told:
            told.add(tag)
            text = "windows hold more values than the period says: columns that need them are left out"
            log.warning("%s tag=%s values=%d expected=%d", text, tag, n, samples[tag])


def _assets(settings: Settings, chosen: FeatureSettings, args: argparse.Namespace) -> list[Asset]:
    of_class = settings.plant.of_class(chosen.asset_class)
    found = [asset for asset in of_class if fnmatch.fnmatchcase(asset.path, args.asset)]
    if not found:
        raise CommandError(f"--asset {args.asset}: no asset of class {chosen.asset_class} is named so", 2)
    return found


def _span(settings: Settings, args: argparse.Namespace) -> tuple[int, int]:
    return _instant(settings, args.since, ALL_OF_TIME[0]), _instant(settings, args.until, ALL_OF_TIME[1])


def _instant(settings: Settings, text: str | None, otherwise: int) -> int:
    """Read an instant as ns; without a zone it is the plant's time."""
    if text is None:
        return otherwise
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no time such as 2026-03-02T05:00 or 2026-03-02T05:00+09:00", 2) from error
    return to_ns(at if at.tzinfo else at.replace(tzinfo=settings.zone))


def _workers(text: str) -> scale.Workers:
    try:
        return scale.workers_of(text)
    except WorkersError as error:
        raise CommandError(f"--workers {error}", 2) from error


def _peak() -> int:
    """Return the most bytes that the process has held."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found << 10  # Linux counts in KiB
