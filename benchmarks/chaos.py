"""The fault experiments: `make chaos`, or one of them: `python -m benchmarks.chaos --only R1,R8 --seed 7`.

Before anything is judged the harness proves itself on a collector that is broken on purpose; exit code 2 where it finds
nothing wrong with that one, 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks import chaos_crashes, chaos_disk, chaos_influx, chaos_outages, chaos_repeats
from benchmarks.bars import QUICK, Bars
from benchmarks.peers import path_of
from benchmarks.trial import Figure, Trial

BROKEN: Final = 2
SEED: Final = 7
SCENARIOS: Final[Mapping[str, Callable[[Trial], Figure]]] = {
    "R1": chaos_crashes.kills,
    "R2": chaos_crashes.fail_points,
    "R3": chaos_repeats.replays,
    "R4": chaos_repeats.conflicts,
    "R5": chaos_influx.outage,
    "R6": chaos_outages.broker,
    "R7": chaos_outages.stuck,
    "R8": chaos_crashes.reconnects,
    "R9": chaos_repeats.poison,
    "R10": chaos_influx.bad_point,
    "R11": chaos_outages.blocked,
    "R12": chaos_disk.full,
    "R13": chaos_disk.damaged,
    "R14": chaos_repeats.orders,
    "R15": chaos_repeats.clock_steps,
    "signals": chaos_crashes.signals,
    "influxdb": chaos_influx.freezes,
}
NEEDS: Final[Mapping[str, str]] = {"R5": "influxd", "R10": "influxd", "influxdb": "influxd"}


def run(name: str, folder: Path, seed: int, is_quick: bool) -> Figure:
    """Run one experiment below `folder`; a fault of the experiment itself is a missed bar."""
    missing = [p for p in ("mosquitto", NEEDS.get(name, "mosquitto")) if path_of(p) is None]
    if missing:
        return Figure(name, None, "", None, f"skipped: no {missing[0]} on this machine")
    begun = time.monotonic()
    try:
        figure = SCENARIOS[name](Trial(folder / name, seed, is_quick))
    except Exception as error:  # noqa: BLE001 - the other experiments go on
        traceback.print_exc()
        figure = Figure(name, None, "", False, f"the experiment failed: {error!r}")
    print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return figure


def main() -> None:
    """Prove the harness, run the experiments, print every bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="such as R1,R8")
    args = parser.parse_args()
    names = [n for n in args.only.split(",") if n] or list(SCENARIOS)
    if unknown := [n for n in names if n not in SCENARIOS]:
        parser.error(f"{', '.join(unknown)}: none of {', '.join(SCENARIOS)}")
    logging.disable(logging.ERROR)  # faults are what is asked for here; each collector keeps a log of its own
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or brokers and collectors would outlive the run
    print(f"seed {args.seed}", file=sys.stderr, flush=True)
    bars = Bars()
    with tempfile.TemporaryDirectory(prefix="forewarn-chaos-") as folder:
        room = Path(folder)
        prove(bars, room / "proof", args.seed, QUICK)
        for name in names:
            show(bars, run(name, room, args.seed, QUICK))
    bars.end()


def prove(bars: Bars, folder: Path, seed: int, is_quick: bool) -> None:
    """Show that the harness finds what an automatic acknowledgement loses; exit with 2 where it does not."""
    if path_of("mosquitto"):
        is_proved, proof = chaos_crashes.self_proof(Trial(folder, seed, is_quick))
        show(bars, proof)
        if not is_proved:
            sys.exit(BROKEN)


def show(bars: Bars, x: Figure) -> None:
    """Print an experiment's figure."""
    bars.show(x.bar, x.figure, x.goal, x.holds, x.how)


if __name__ == "__main__":
    main()
