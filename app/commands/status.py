"""`forewarn status`: the sum, lag, alerts and model ages, from ledger and journal."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.clock import SystemClock
from app.commands.opening import opened_for
from app.settings import load
from app.status import status
from domain.text import printable

COLUMNS = ("received", "stored", "dead_lettered", "duplicates", "conflicts", "in_journal", "difference")


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Print the status; exit code 1 where the sum does not hold."""
    settings = load(args.config)
    with opened_for(settings, telemetry=False) as rooms:
        found = status(rooms, SystemClock().now())
    zone = settings.root.plant.zone
    is_broken = any(row["difference"] for row in found["sum"])
    if args.json:
        print(json.dumps(found))
        return int(is_broken)
    if found["sum"]:
        print(f"{'source':24}" + "".join(f"{name:>14}" for name in COLUMNS))
    else:
        print("nothing was received yet")
    for row in found["sum"]:
        print(f"{row['source']:24}" + "".join(f"{row[name]:14}" for name in COLUMNS))
    for line in collector_lines(found["collector"], zone):
        print(line)
    for name, why in found["waiting_files"].items():
        print(f"file {name!r} waits in the watched folder: {why}")
    print("dead letters:", ", ".join(f"{k} {v}" for k, v in found["dead_letters"].items()) or "none")
    print("verdicts:", ", ".join(f"{k} {v}" for k, v in found["verdicts"].items()))
    outbox = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in found["outbox"].items())
    print(f"open alerts: {found['open_alerts']}; notifications: {outbox}")
    for m in found["models"]:
        print(f"model {m['model_id']} {m['role']} of {m['detector']}, trained {m['age_s'] / 86400:.1f} days ago")
    for name, job in found["jobs"].items():
        print(
            f"job {name}: last success {_local(job['succeeded_at'], zone)}, {job['runs']} runs, "
            f"{job['missed']} missed, {job['overlong']} overlong"
            + (f", last error {job['error']}" if job["error"] else "")
        )
    return int(is_broken)


def _local(at: str | None, zone: str) -> str:
    return "never" if at is None else f"{datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def collector_lines(noted: Mapping[str, Any] | None, zone: str) -> list[str]:
    """Return what the running (or last) collector noted, in words, times in the plant's zone."""
    if noted is None:
        return []
    seen = noted["noted"]
    state = "subscribed" if noted["is_subscribed"] else f"not subscribed: {noted['error'] or 'no broker yet'}"
    age = "no message yet" if noted["received_s"] is None else f"last message {noted['received_s']:.0f} s before"
    lines = [
        f"collector at {_local(noted['at'], zone)}: {state}, {age}; {noted['n_committed']} messages, "
        f"{noted['n_unguaranteed']} without guarantee (QoS 0), {seen['n_retained']} retained, "
        f"{seen['n_ignored']} ignored, {seen['n_extra_keys']} keys that nothing reads"
    ]
    lines += [
        f"publisher {printable(name)}: {each['n_missing']} messages missing in {each['n_gaps']} gaps, "
        f"{each['n_repeats']} repeated, {each['n_restarts']} new starts"
        for name, each in seen["publishers"].items()
    ]
    return lines
