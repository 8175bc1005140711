"""Files of every kind into the watched folder of a running service, which is killed again and again; then the count.

Kinds: whole, renamed into place, copied slowly, left half-written, the same content twice, changed later. At the end
every file must lie in exactly one place, every report must add up, and the store must hold each value once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.rooms import opened
from app.settings import load
from benchmarks import file_plant as plant

FAULTS: Final = ("misplaced", "unbalanced", "missing", "spurious", "corrupted", "doubled", "half_read", "difference")
N_TAGS: Final = 3
ROWS: Final = 40
KINDS: Final = ("whole", "whole", "renamed", "slow", "half", "twice", "changed")
FOREWARN: Final = [sys.executable, "-m", "app.cli"]
PATIENCE_S: Final = 240
QUIET_S: Final = 4.0


@dataclass(slots=True)
class Issued:
    """What was put into the folder: names, values by (tag, time), and what must not be read."""

    names: set[str] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)
    values: dict[tuple[str, int], float] = field(default_factory=dict)


def run(folder: Path, n_files: int, n_kills: int, seed: int) -> Mapping[str, Any]:
    """Put `n_files` into the folder, kill the service `n_kills` times meanwhile, and count what is wrong at the end."""
    source = random.Random(seed)
    config = plant.write_config(folder, N_TAGS, settle_s=0.4, timeout_s=QUIET_S)
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    issued = Issued()
    service = _start(config, folder)
    kills = sorted(source.sample(range(1, n_files), n_kills))
    try:
        for number in range(n_files):
            _put(inbox, number, source, issued)
            if kills and number == kills[0]:
                kills.pop(0)
                service.send_signal(signal.SIGKILL)
                service.wait()
                service = _start(config, folder)
        _wait_until_filed(inbox)
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=60)
    return _judged(config, inbox, issued, f"{n_files} files, {n_kills} x SIGKILL, seed {seed}")


def _start(config: Path, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "service.log").open("ab") as log:
        return subprocess.Popen([*FOREWARN, "run", "--config", str(config)], stderr=log, cwd=os.getcwd())


def _content(number: int, n_rows: int, issued: Issued | None) -> bytes:
    """Return a file of its own stretch of time, so that every value is known by its place."""
    first = number * ROWS * 2
    lines = ["time," + ",".join(plant.tags(N_TAGS))]
    for i, at in enumerate(plant.instants(first, first + n_rows), first):
        values = [round(float(np.sin(i + j)) * 50, 4) for j in range(N_TAGS)]
        lines.append(f"{at}," + ",".join(map(str, values)))
        if issued is not None:
            ns = int((plant.START + np.timedelta64(i, "s")).astype("datetime64[ns]").astype(np.int64))
            issued.values |= {(f"{plant.ASSET}/{t}", ns): v for t, v in zip(plant.tags(N_TAGS), values, strict=True)}
    return ("\n".join(lines) + "\n").encode()


def _put(inbox: Path, number: int, source: random.Random, issued: Issued) -> None:
    kind = source.choice(KINDS)
    name = f"{number:05}-{kind}.csv"
    path = inbox / name
    issued.names.add(name)
    if kind == "half":
        issued.halves.add(name)
        path.write_bytes(_content(number, ROWS, None)[: source.randrange(60, 900)].rstrip(b"\n"))
        return
    content = _content(number, ROWS, issued)
    if kind == "renamed":
        draft = inbox / f"{name}.part"
        draft.write_bytes(content)
        draft.rename(path)
    elif kind == "slow":
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), 500):
                file.write(content[start : start + 500])
                time.sleep(0.01)
    else:
        path.write_bytes(content)
    if kind == "twice":
        again = f"{number:05}-again.csv"
        issued.names.add(again)
        (inbox / again).write_bytes(content)
    if kind == "changed":
        time.sleep(source.choice([0.0, 0.0, 0.6]))
        draft = inbox / f"{name}.part"
        draft.write_bytes(_content(number, ROWS + 7, issued))
        draft.rename(path)  # takes the first one's place where it was not taken yet
    time.sleep(source.random() * 0.02)


def _wait_until_filed(inbox: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not [n for n in os.listdir(inbox) if n.endswith(".csv")] and not os.listdir(inbox / ".taking"):
            return
        time.sleep(0.2)


def _judged(config: Path, inbox: Path, issued: Issued, how: str) -> dict[str, Any]:
    places = Counter(
        "-".join(name.split(".")[0].split("-")[:2])
        for place in ("", ".taking", "done", "rejected")
        for name in os.listdir(inbox / place)
        if name.endswith(".csv")
    )
    named = {name.removesuffix(".csv"): name for name in issued.names}
    misplaced = sum(places[short] < 1 or (places[short] > 1 and "changed" not in short) for short in named)
    left = [n for n in os.listdir(inbox) if n.endswith(".csv")] + os.listdir(inbox / ".taking")
    done = [json.loads(p.read_text()) for p in (inbox / "done").glob("*.report.json")]
    unbalanced = sum(
        r["rows_in"] != r["stored"] + r["rejected"] + r["duplicates"] + r["conflicts"] or r["rejected"] for r in done
    )
    half_read = sum(r["file"] in issued.halves for r in done)
    with opened(load(config)) as rooms:
        ids = [f"{plant.ASSET}/{t}" for t in plant.tags(N_TAGS)]
        rows = rooms.points.read(ids, 0, 2**62).rows()
        difference = sum(abs(t.difference) for t in rooms.journal.totals())
    stored = {(r.tag_id, r.at): r.value for r in rows}
    return {
        "misplaced": misplaced + len(left),
        "unbalanced": unbalanced,
        "missing": len(issued.values.keys() - stored.keys()),
        "spurious": len(stored.keys() - issued.values.keys()),
        "corrupted": sum(stored[k] != issued.values[k] for k in stored.keys() & issued.values.keys()),
        "doubled": len(rows) - len(stored),
        "half_read": half_read,
        "difference": difference,
        "how": f"{how}: {len(issued.values)} values, {len(issued.names)} names, {len(done)} reports in done/",
    }
