"""`forewarn demo`: the bundled plant, replayed over a real broker."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import threading
from typing import Any

from app.console import PortTakenError
from app.demo import Demo, demo_settings
from app.running import CommandError
from domain.errors import StoreBusyError


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Replay; exit code 1 where the sum does not hold or something is missing."""
    if args.speed <= 0:
        raise CommandError("--speed must be above 0", 2)
    if args.fresh and args.dir.exists():
        if not (args.dir / "ledger.db").exists() and any(args.dir.iterdir()):
            raise CommandError(f"{args.dir} holds something else than a demo: not removed", 2)
        shutil.rmtree(args.dir)
    if args.once:
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("forewarn.alert").setLevel(logging.ERROR)
    demo = Demo(demo_settings(args.dir, args.port), None if args.once else args.speed, stopping)
    try:
        summary = demo.run(lambda text: print(text, file=sys.stderr, flush=True))
    except StoreBusyError as error:
        raise CommandError(f"{error}: --dir names another folder") from error
    except PortTakenError as error:
        raise CommandError(f"{error}: --port chooses another one") from error
    print(json.dumps(summary) if args.json else told(summary))
    return 1 if summary["missing"] else 0


def told(s: dict[str, Any]) -> str:
    """Return the summary in words."""
    q = s["quality"]
    lead = "" if s["median_lead_time_s"] is None else f", {s['median_lead_time_s'] / 3600:.0f} h ahead in the median"
    weekly = s["false_alarms"] / s["asset_weeks"] if s["asset_weeks"] else 0.0
    lines = [
        f"{s['received']} values received = {s['stored']} stored + {s['dead_lettered']} dead-lettered + "
        f"{s['duplicates']} duplicate + {s['conflicts']} conflict + {s['in_journal']} in the journal; "
        f"{s['missing']} missing",
        f"failures: {s['events_caught']} of {s['events']} caught in time{lead}; {s['false_alarms']} false alarms "
        f"({weekly:.2f} per asset-week)",
        f"{s['alerts']} alerts, {s['windows_scored']} windows and lots scored, {s['seconds']:.0f} s",
    ]
    if q.get("n_lots"):
        lines.insert(
            2,
            f"silica of {q['n_lots']} lots: RMSE {q['rmse']:.3f}, persistence {q['persistence_rmse']:.3f}, "
            f"mean {q['mean_rmse']:.3f}",
        )
    return "\n".join(lines)
