"""The bars of the whole line: `make bars-line`, or with QUICK=1 the same work smaller, without the clean clone."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from app import training
from app.demo import START, Demo, demo_settings
from app.paths import bundled_config
from app.rooms import opened
from app.settings import Settings, load
from benchmarks.bars import QUICK, Bars
from benchmarks.crash import crash_figures, mosquitto_path
from benchmarks.pages import first_alert_seen, look_at_pages

ROOT = Path(__file__).parent.parent
QUICK_HOURS = 140  # holds the first failure


def main() -> None:
    """Measure and print every bar."""
    bars = Bars()
    with tempfile.TemporaryDirectory(prefix="forewarn-bars-") as folder:
        room = Path(folder)
        _help(bars)
        _crash(bars, room / "crash")
        _replay(bars, room / "demo")
        _pages(bars, room / "demo")
        if not QUICK:
            _clean_clone(bars, room / "clone")
    bars.end()


def _help(bars: Bars) -> None:
    """The command line's own start-up, as a ratio to an empty Python."""
    forewarn = str(Path(sys.executable).parent / "forewarn")
    ratios = []
    for _ in range(5 if QUICK else 11):
        empty = _wall([sys.executable, "-c", "pass"])
        ratios.append(_wall([forewarn, "--help"]) / empty)
    ratio = statistics.median(ratios)
    bars.show(
        "forewarn --help / python -c pass", round(ratio, 1), "< 20", ratio < 20, "wall, interleaved pairs, median"
    )


def _wall(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _settings(folder: Path) -> Settings:
    """The demo's settings; the quick ones train on every ninth window instead of every third."""
    if not QUICK:
        return demo_settings(folder, None)
    copy = folder.with_name("quick-config")
    shutil.copytree(bundled_config() / "demo", copy)
    toml = copy / "forewarn.toml"
    toml.write_text(toml.read_text().replace("train_step = 3", "train_step = 9"))
    return load(copy, {"data": {"folder": str(folder)}})


def _replay(bars: Bars, folder: Path) -> None:
    """The sum, the failures, the quality, and equal trainings, on the replay of units never trained on."""
    settings = _settings(folder)
    until = START + timedelta(hours=QUICK_HOURS) if QUICK else None
    s = Demo(settings, None, threading.Event(), until).run()
    known = s["stored"] + s["dead_lettered"] + s["duplicates"] + s["conflicts"] + s["in_journal"]
    sums = {k: s[k] for k in ("published", "received", "stored", "dead_lettered", "duplicates", "conflicts", "missing")}
    bars.show(
        "demo --once: the sum; missing",
        sums,
        "received = what became of it; missing 0; some dead-lettered",
        s["received"] == known and s["missing"] == 0 and (s["dead_lettered"] > 0),
        "real broker (amqtt), bad messages in the replay on purpose",
    )
    share = s["events_caught"] / s["events"] if s["events"] else 0.0
    bars.show(
        "failures caught at the lead budget (10 cycles), horizon 60",
        {
            "caught": s["events_caught"],
            "of": s["events"],
            "share": share,
            "median_lead_h": s["median_lead_time_s"] / 3600,
        }
        if s["median_lead_time_s"]
        else {"caught": s["events_caught"], "of": s["events"], "share": share},
        ">= 0.95",
        share >= 0.95,
        "C-MAPSS FD001, every fifth unit, none of them trained on",
    )
    weekly = s["false_alarms"] / s["asset_weeks"]
    bars.show("false alarms per asset-week", round(weekly, 3), "<= 0.2", weekly <= 0.2, f"{s['asset_weeks']:.1f} weeks")
    q = s["quality"]
    bars.show(
        "silica RMSE beside persistence and mean",
        {k: round(v, 3) if isinstance(v, float) else v for k, v in q.items()},
        "better than the mean",
        q["rmse"] < q["mean_rmse"],
        "last 15 days, each lot predicted when it ended, laboratory value known 2 h later",
    )
    ids = [_trained_again(settings, folder.with_name(f"models-{i}")) for i in range(2)]
    first = {name: set(pair) for name, pair in zip(ids[0], zip(*(x.values() for x in ids), strict=True), strict=True)}
    bars.show(
        "two trainings, same seed and data: model ids",
        {name: sorted(found) for name, found in first.items()},
        "one id per detector",
        all(len(found) == 1 for found in first.values()),
        "trained twice in child processes",
    )


def _trained_again(settings: Settings, folder: Path) -> dict[str, str]:
    with opened(settings) as rooms:
        histories = [training.gather(rooms, d, START) for d in settings.root.detectors]
    found = training.build_all(histories, folder)
    return {t.detector: t.model_id for t in found if isinstance(t, training.Trained)}


def _crash(bars: Bars, folder: Path) -> None:
    """kill -9 in mid-stream, against a real mosquitto and an outside publisher."""
    if mosquitto_path() is None:
        bars.show("kill -9 in mid-stream", None, "0; 0; 0", None, "skipped: no mosquitto on this machine")
        return
    kills = 3 if QUICK else 10
    f = crash_figures(folder, kills=kills, messages=1500 if QUICK else 6000)
    bars.show(
        f"forewarn run, kill -9 x {kills}: missing; duplicates in the store; alert repeats beyond one per kill",
        f,
        "0; 0; 0",
        f["missing"] == 0 and f["store_duplicates"] == 0 and f["repeats_beyond_kills"] == 0 and f["alerts"] > 0,
        "mosquitto, outside publisher, webhook receiver",
    )


def _pages(bars: Bars, data: Path) -> None:
    """Every page in both languages and widths: no sideways scrolling, no script errors, no unexplained empty chart."""
    folder = Path(os.environ.get("SHOTS", tempfile.mkdtemp(prefix="forewarn-shots-")))
    found = look_at_pages(
        _settings(data) if not QUICK else load(data.with_name("quick-config"), {"data": {"folder": str(data)}}), folder
    )
    if found is None:
        bars.show("pages", None, "no fault", None, "skipped: no Chromium on this machine")
        return
    bars.show(
        "pages at 1440 and 1024 px, English and Korean", found, "no fault", not found["faults"], f"pictures in {folder}"
    )


def _clean_clone(bars: Bars, folder: Path) -> None:
    """The two commands, in a fresh clone with an empty HOME."""
    home = folder.with_name("home")
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    env = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    env.pop("VIRTUAL_ENV", None)
    begun = time.perf_counter()
    subprocess.run(["make", "--silent", "setup"], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    setup = time.perf_counter() - begun
    seen = first_alert_seen(folder, env)
    bars.show(
        "make demo in a clean clone: first alert visible on the console",
        {"set-up with download, s": round(setup), "first alert, s": None if seen is None else round(seen)},
        "< 180 s after set-up",
        None if seen is None else seen < 180,
        "seen by Chromium on the Alerts page" if seen is not None else "skipped: no Chromium on this machine",
    )
    begun = time.perf_counter()
    run = subprocess.run(["make", "--silent", "test"], cwd=folder, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    bars.show(
        "make test in a clean clone",
        {"s": round(seconds), "last line": run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""},
        "green, < 300 s",
        run.returncode == 0 and seconds < 300,
        "after set-up",
    )


if __name__ == "__main__":
    main()
