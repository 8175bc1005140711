"""`forewarn status`: the sum, lag, alerts and model ages, from ledger and journal."""

from __future__ import annotations

import argparse
import json
import threading

from app.clock import SystemClock
from app.commands.opening import opened_for
from app.settings import load
from app.status import status

COLUMNS = ("received", "stored", "dead_lettered", "duplicates", "conflicts", "in_journal", "difference")


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Print the status; exit code 1 where the sum does not hold."""
    with opened_for(load(args.config), telemetry=False) as rooms:
        found = status(rooms, SystemClock().now())
    is_broken = any(row["difference"] for row in found["sum"])
    if args.json:
        print(json.dumps(found))
        return int(is_broken)
    print(f"{'source':24}" + "".join(f"{name:>14}" for name in COLUMNS))
    for row in found["sum"]:
        print(f"{row['source']:24}" + "".join(f"{row[name]:14}" for name in COLUMNS))
    print("dead letters:", ", ".join(f"{k} {v}" for k, v in found["dead_letters"].items()) or "none")
    print("verdicts:", ", ".join(f"{k} {v}" for k, v in found["verdicts"].items()))
    print(f"open alerts: {found['open_alerts']}; notifications: {found['outbox']}")
    for m in found["models"]:
        print(f"model {m['model_id']} {m['role']} of {m['detector']}, trained {m['age_s'] / 86400:.1f} days ago")
    for name, job in found["jobs"].items():
        print(
            f"job {name}: last success {job['succeeded_at']}" + (f", last error {job['error']}" if job["error"] else "")
        )
    return int(is_broken)
