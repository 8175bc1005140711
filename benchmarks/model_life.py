"""The bars of models' lives: what is refused, promoted, rolled back, seen to drift, and run on time.

`on_time` and `untimed` print them among the bars of failure prediction; `python -m benchmarks.model_life` prints them
alone.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import promotion, training
from app.rooms import Rooms, opened
from app.settings import Settings
from benchmarks import model_gate, model_inputs, model_plant, model_refusals, model_times
from benchmarks.bars import QUICK, Bars
from benchmarks.trial import until
from detectors import bundle, detector_class, drift
from detectors.anomaly_hbos import n_raises
from domain.scores import Aim, TrainingAids
from domain.vectors import FeatureName, FeatureVectors, Training

ALIKE = 0.6  # rows that are more like the ones before them than this are few independent ones
DAY_NS, HOUR_NS = 86_400_000_000_000, 3_600_000_000_000


def show(bars: Bars) -> None:
    """Measure and print every bar of models' lives."""
    on_time(bars)
    untimed(bars)


def on_time(bars: Bars) -> None:
    """Measure and print what is timed: to be run alone."""
    with tempfile.TemporaryDirectory(prefix="forewarn-models-") as folder:
        _rolled_back(bars, Path(folder) / "rollback")
        model_times.on_time(bars, Path(folder) / "late")


def untimed(bars: Bars) -> None:
    """Measure and print the rest, whose figures do not hang on what runs beside."""
    with tempfile.TemporaryDirectory(prefix="forewarn-models-") as folder:
        room = Path(folder)
        _gate(bars)
        _drift(bars)
        _budget(bars)
        model_refusals.refused(bars, room / "refused")
        model_inputs.given(bars, room / "given")
        _equal(bars, room / "equal")
        _killed(bars, room / "killed")
        model_times.calendar(bars)


def _gate(bars: Bars) -> None:
    n = 3 if QUICK else 20
    found = model_gate.promoted(n)
    wins = {kind: counts["promoted"] for kind, counts in found.items()}
    holds = wins["shuffled"] == 0 and wins["equal"] <= 1 and wins["better"] >= n - n // 10
    figure = {kind: dict(counts) for kind, counts in found.items()}
    how = f"R34; {n} challengers each, LightGBM on simulated fleets, judged on failures after both trainings"
    bars.show("promoted: shuffled labels; as good; truly better", figure, "0; <= 1 of 20; >= 18 of 20", holds, how)


def _vectors(values: NDArray[np.float64], per_day: int, first_day: int, asset: str = "a") -> FeatureVectors:
    n, n_names = values.shape
    names = tuple(FeatureName("tag", f"t{i}", "mean") for i in range(n_names))
    end = first_day * DAY_NS + np.arange(1, n + 1, dtype=np.int64) * (DAY_NS // per_day)
    texts = np.full(n, asset, dtype=object), np.full(n, "", dtype=object)
    return FeatureVectors(names, values, *texts, end - HOUR_NS, end, end / 1.0)


def _rows(chance: np.random.Generator, n: int, memory: float) -> NDArray[np.float64]:
    rows = chance.normal(size=(n, 20))
    for i in range(1, n):
        rows[i] = memory * rows[i - 1] + np.sqrt(1 - memory**2) * rows[i]
    return rows


def _drift(bars: Bars) -> None:
    """Sixty days of training, thirty quiet ones, and one on which one of twenty features changes; 144 rows a day."""
    changes: dict[str, Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]] = {
        "shift of 1 sigma": lambda column, _: column + 1.0,
        "scale x 2": lambda column, _: column * 2.0,
        "30 % missing": lambda column, chance: np.where(chance.random(len(column)) < 0.3, np.nan, column),
    }
    per_day, quiet_days = 144, 30
    memories = (0.0, 0.2, 0.4, 0.6, 0.9) if QUICK else (0.0, 0.2, 0.4, 0.6, 0.9) * 4
    seen, late, false = dict.fromkeys(changes, 0), dict.fromkeys(changes, 0), []
    for seed, memory in enumerate(memories):
        chance = np.random.default_rng(seed)
        rows = _rows(chance, (60 + quiet_days + 1) * per_day, memory)
        reference = drift.reference_of(_vectors(rows[: 60 * per_day], per_day, 0))
        days = np.split(rows[60 * per_day :], quiet_days + 1)
        false.append(sum(bool(drift.drifted(reference, reference.binned(day))) for day in days[:-1]))
        for name, change in changes.items():
            day = days[-1].copy()
            day[:, 7] = change(day[:, 7], chance)
            is_seen = any(each.column == 7 for each in drift.drifted(reference, reference.binned(day)))
            (seen if memory <= ALIKE else late)[name] += is_seen
    n_judged, n_alike = sum(m <= ALIKE for m in memories), sum(m > ALIKE for m in memories)
    how = "R36; 144 rows a day, correlated with the row before by 0 to 0.6"
    holds = all(n == n_judged for n in seen.values())
    bars.show("drift of 1 of 20 features seen within a day", seen, f"{n_judged} of {n_judged} each", holds, how)
    bars.show("the same, correlated by 0.9", late, f"of {n_alike}", None, "a day then holds few independent rows")
    weekly = [n * 7 / quiet_days for n in false]
    figure = {"mean": round(float(np.mean(weekly)), 3), "worst plant": round(max(weekly), 3)}
    how = f"R36; {len(memories)} plants of 20 features, correlated by 0 to 0.9"
    bars.show("false drift alarms per week on 30 quiet days", figure, "<= 1", max(weekly) <= 1, how)


def _budget(bars: Bars) -> None:
    """Windows of normal hours in, alarms on others that were never seen."""
    ratios = []
    for seed in range(2 if QUICK else 10):
        budget = (1.0, 2.0, 5.0)[seed % 3]
        aids = TrainingAids(lambda values, *_: np.arange(values.shape[1]), 0.0, 1, Aim(budget=budget), 4)
        model = detector_class("anomaly_hbos").train(_normal(seed), {}, aids)
        fresh = _normal(100 + seed)
        values = model.score(fresh.vectors).value
        tracks = [
            (values[fresh.group == g].tolist(), np.arange(24.0 * 28).tolist())
            for g in np.unique(fresh.group.astype(str))
        ]
        n_false = n_raises(tracks, model.threshold or 1.0, 0.0)
        ratios.append(n_false / (budget * 4 * len(tracks)))
    figure = {"mean": round(float(np.mean(ratios)), 3), "least": round(min(ratios), 3), "most": round(max(ratios), 3)}
    holds = min(ratios) >= 0.5 and max(ratios) <= 1.5
    how = "R37; anomaly_hbos, 8 assets, 4 weeks to learn from and 4 others, budgets 1, 2 and 5 per asset-week"
    bars.show("false alarms on unseen normal data / the budget", figure, "0.5 to 1.5", holds, how)


def _normal(seed: int) -> Training:
    chance = np.random.default_rng(seed)
    parts = [_vectors(chance.normal(size=(24 * 28, 12)), 24, 0, f"a{i}") for i in range(8)]
    asset = np.concatenate([part.asset for part in parts])
    n = len(asset)
    found = FeatureVectors(
        parts[0].names,
        np.vstack([part.values for part in parts]),
        asset,
        np.full(n, "", dtype=object),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.position for part in parts]),
    )
    return Training(found, np.zeros(n), asset, np.full(n, np.inf), 1, 0, False)


def _equal(bars: Bars, folder: Path) -> None:
    settings, contents = model_plant.plant(folder), []
    with opened(settings) as rooms:
        begun = model_plant.now()
        model_plant.history(rooms, begun, 3600)
        gathered = training.gather(rooms, settings.detector(model_plant.ODD), begun)
    for i in range(2):
        made = training.build_apart(gathered, folder / f"models-{i}")
        if isinstance(made, training.Trained):
            parts = bundle.verified(folder / f"models-{i}", made.detector, made.model_id)
            contents.append(bundle.hash_of(parts))
    equal = len(contents) == 2 and contents[0] == contents[1]
    figure = [c[:16] for c in contents]
    bars.show("two clean trainings: SHA-256", figure, "equal", equal, "R38; two processes, one history, one seed")


def _killed(bars: Bars, folder: Path) -> None:
    """Training, publishing, promoting and cleaning without a pause, killed at any moment."""
    settings, n_kills = model_plant.plant(folder), 8 if QUICK else 50
    chance = random.Random(5)
    with opened(settings) as rooms:
        begun = model_plant.now()
        model_plant.history(rooms, begun, 1200)
        model_plant.trained(rooms, 10, begun)
    context = multiprocessing.get_context("spawn")
    lost = halves = left = 0
    n_published = 0
    for i in range(n_kills):
        ready, first = context.Event(), context.Event()
        worker = context.Process(target=_publish_forever, args=(settings, i, ready, first))
        worker.start()
        ready.wait(300)
        begun_s = time.monotonic()
        first.wait(300)
        time.sleep(chance.uniform(0.0, 1.5 * (time.monotonic() - begun_s)))  # at any point of what comes after one
        if worker.pid is not None:
            os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        with opened(settings) as rooms:
            row = rooms.ledger.scoring.champion(model_plant.ODD)
            held = rooms.models.champions().get(model_plant.ODD)
            lost += row is None or held is None or held.model_id != row.model_id
            promotion.clean_folder(rooms, model_plant.now())
            found = list((rooms.models.folder / model_plant.ODD).iterdir())
            left += sum(path.name.startswith(".") for path in found)
            halves += sum(
                not bundle.is_whole(rooms.models.folder, model_plant.ODD, path.name)
                for path in found
                if not path.name.startswith(".")
            )
            n_published = len(rooms.ledger.audit.deeds(model_plant.ODD, 100_000))
    figure = {"champion lost": lost, "half bundles": halves, "left over": left, "deeds meanwhile": n_published}
    holds = lost == halves == left == 0 and n_published > n_kills
    how = "R35; a process that trains, publishes, promotes and cleans without a pause"
    bars.show(f"kill -9 x {n_kills} during retraining and publishing", figure, "0; 0; 0", holds, how)


def _publish_forever(settings: Settings, number: int, ready: Any, first: Any) -> None:
    with opened(settings) as rooms:
        ready.set()
        for i in range(10_000):
            made = model_plant.trained(rooms, 5 + (number * 37 + i) % 40, model_plant.now())
            champion = rooms.ledger.scoring.champion(model_plant.ODD)
            if champion is None or champion.model_id != made:
                promotion.promote(rooms, made, "bars", "the next one", model_plant.now())
                first.set()


def _rolled_back(bars: Bars, folder: Path) -> None:
    """A running service that scores each two seconds; another process promotes, and rolls back."""
    settings = model_plant.plant(folder)
    with opened(settings) as rooms:
        model_plant.history(rooms, model_plant.now(), 3600)
        first = model_plant.trained(rooms, 10, model_plant.now())
        second = model_plant.trained(rooms, 23, model_plant.now())
    feed = _Feed(folder)
    seconds: dict[str, float | None] = {}
    with model_plant.service(folder), opened(settings, telemetry=False) as rooms:

        def scores_with(model: str) -> bool:
            feed.go_on()
            newest = rooms.ledger.scoring.latest(model_plant.ODD).get(model_plant.PUMPS[0])
            return newest is not None and newest.value is not None and newest.model_id == model

        until(lambda: scores_with(first), 120)
        before = _told(rooms, first, folder)
        for name, model, words in (
            ("promote", second, ("promote", second)),
            ("roll back", first, ("rollback", model_plant.ODD)),
        ):
            begun = time.monotonic()
            model_plant.forewarn(folder, "models", *words, "--by", "bars", "--reason", "under load")
            until(lambda model=model: scores_with(model), 60)  # type: ignore[misc]
            seconds[name] = round(time.monotonic() - begun, 1)
        until(lambda: scores_with(second), 6)  # it does not come back
        scores = rooms.ledger.scoring.scores(model_plant.ODD, model_plant.PUMPS[0])
        after = _told(rooms, first, folder)
        deeds = len(rooms.ledger.audit.deeds(model_plant.ODD))
    gaps = {(b.at - a.at).total_seconds() for a, b in pairwise(scores)}
    figure = {**seconds, "scores": len(scores), "steps between scores, s": sorted(gaps), "deeds": deeds}
    is_quick = seconds["roll back"] is not None and seconds["roll back"] <= 10
    holds = is_quick and before == after and gaps == {float(model_plant.STEP_S)} and deeds == 3
    how = "R33; command in one process until the first score of the service in another; bits of 200 rows compared"
    goal = "roll back <= 10 s; bit-equal; no window left out"
    bars.show("rollback under load", {**figure, "bit-equal": before == after}, goal, holds, how)


class _Feed:
    """Delivers what the pumps have reported since the last file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._next, self._number = folder, model_plant.now(), 0

    def go_on(self) -> None:
        n_seconds = int((model_plant.now() - self._next).total_seconds())
        if n_seconds >= model_plant.STEP_S:
            model_plant.deliver(self._folder, self._number, self._next, n_seconds)
            self._next += timedelta(seconds=n_seconds)
            self._number += 1


def _told(rooms: Rooms, model_id: str, _folder: Path) -> bytes:
    """Return to the bit what a model says of two hundred rows, read from the disk anew."""
    model = bundle.load(rooms.models.folder, model_plant.ODD, model_id)
    names = model.features.names
    n = 200
    values = np.random.default_rng(3).normal(5.0, 1.0, size=(n, len(names)))
    texts = np.full(n, "a", dtype=object), np.full(n, "", dtype=object)
    at = np.arange(n, dtype=np.int64)
    return model.detector.score(FeatureVectors(names, values, *texts, at, at, at / 1.0)).raw.tobytes()


def main() -> None:
    """Print the bars of models' lives alone."""
    bars = Bars()
    show(bars)
    bars.end()


if __name__ == "__main__":
    main()
