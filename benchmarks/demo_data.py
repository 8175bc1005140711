"""Rebuilds the bundled demo plant, `config/demo/`, from the public data sets: `python -m benchmarks.demo_data
SETS_FOLDER`.

Fleet: NASA C-MAPSS FD001, training part (run to failure). Every fifth unit is replayed, the other 80 are history.
Flotation: hourly means of a flotation plant; the last 15 days are replayed. Both are moved to one fixed calendar.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

REPLAY_START = datetime(2026, 3, 1, 20, tzinfo=UTC)
REPLAY_HOURS = 360
HOUR = timedelta(hours=1)
LAB_DELAY = 2 * HOUR  # after the lot's end
LINE = "demo/flotation"
HISTORY_SPACING = timedelta(hours=50)
TARGET = Path(__file__).parent.parent / "config" / "demo"

ENGINE_TAGS = {
    "s_2": ("T24", "degR", "temperature after the low-pressure compressor"),
    "s_3": ("T30", "degR", "temperature after the high-pressure compressor"),
    "s_4": ("T50", "degR", "temperature after the low-pressure turbine"),
    "s_7": ("P30", "psia", "pressure after the high-pressure compressor"),
    "s_8": ("Nf", "rpm", "fan speed"),
    "s_9": ("Nc", "rpm", "core speed"),
    "s_11": ("Ps30", "psia", "static pressure after the high-pressure compressor"),
    "s_12": ("phi", "pps/psi", "fuel flow over Ps30"),
    "s_13": ("NRf", "rpm", "corrected fan speed"),
    "s_14": ("NRc", "rpm", "corrected core speed"),
    "s_15": ("BPR", "", "bypass ratio"),
    "s_17": ("htBleed", "", "bleed enthalpy"),
    "s_20": ("W31", "lbm/s", "coolant bleed, high-pressure turbine"),
    "s_21": ("W32", "lbm/s", "coolant bleed, low-pressure turbine"),
}
FLOTATION_TAGS = {
    "% Iron Feed": ("iron_feed", "%", "no"),
    "% Silica Feed": ("silica_feed", "%", "no"),
    "Starch Flow": ("starch_flow", "m3/h", "yes"),
    "Amina Flow": ("amina_flow", "m3/h", "yes"),
    "Ore Pulp Flow": ("pulp_flow", "t/h", "yes"),
    "Ore Pulp pH": ("pulp_ph", "pH", "yes"),
    "Ore Pulp Density": ("pulp_density", "kg/cm3", "yes"),
    **{f"Flotation Column {i:02d} Air Flow": (f"air_flow_{i}", "Nm3/h", "yes") for i in range(1, 8)},
    **{f"Flotation Column {i:02d} Level": (f"level_{i}", "mm", "yes") for i in range(1, 8)},
}


def main(sets: Path) -> None:
    """Write assets, tags, history and replay."""
    for part in ("history", "replay"):
        (TARGET / part).mkdir(parents=True, exist_ok=True)
    units = _fleet(sets)
    _flotation(sets)
    _write_csv(
        TARGET / "assets.csv",
        ("asset", "class", "position", "lead", "first_cycle_at"),
        [
            *((_engine(u), "turbofan", u, "", start.isoformat()) for u, start in units.items()),
            (LINE, "flotation", 0, "", ""),
        ],
    )
    _write_csv(
        TARGET / "tags.csv",
        ("asset", "tag", "unit", "period", "low", "high", "title", "role", "controllable"),
        [
            *(("class:turbofan", n, u, "1h", "", "", t, "process", "no") for n, u, t in ENGINE_TAGS.values()),
            *((LINE, n, u, "1h", "", "", source.lower(), "process", c) for source, (n, u, c) in FLOTATION_TAGS.items()),
            (
                LINE,
                "silica_concentrate",
                "%",
                "1h",
                "",
                "4",
                "silica in the concentrate, laboratory",
                "lab",
                "no",
            ),
        ],
    )


def _fleet(sets: Path) -> dict[int, datetime]:
    table = pd.read_parquet(sets / "cmapss" / "FD001_FD003.parquet")
    table = table[(table.subset == "FD001") & (table.part == "train")]
    life = table.groupby("unit").cycle.max()
    replayed = sorted((u for u in life.index if u % 5 == 0), key=lambda u: (life[u], u))
    history = [u for u in life.index if u % 5]
    start: dict[int, datetime] = {}
    for place, unit in enumerate(replayed):  # short lives first; the last failures come near the replay's end
        slack = REPLAY_HOURS - 8 - int(life[unit])
        start[unit] = REPLAY_START + round(slack * place / (len(replayed) - 1)) * HOUR
    for place, unit in enumerate(reversed(history)):
        start[unit] = REPLAY_START - (place + 1) * HISTORY_SPACING - int(life[unit]) * HOUR
    wide = table.rename(columns={k: v[0] for k, v in ENGINE_TAGS.items()})
    wide = wide.assign(asset=[_engine(u) for u in wide.unit])[["asset", "cycle", *(v[0] for v in ENGINE_TAGS.values())]]
    is_replayed = table.unit.isin(replayed).to_numpy()
    _write_parquet(wide[~is_replayed], TARGET / "history" / "fleet.parquet")
    _write_parquet(wide[is_replayed], TARGET / "replay" / "fleet.parquet")
    for part, units in (("history", history), ("replay", replayed)):
        failures = [(_engine(u), start[u] + int(life[u]) * HOUR) for u in units]
        _write_csv(
            TARGET / part / "fleet_events.csv",
            ("asset", "kind", "code", "start", "end", "known_at", "note"),
            [(a, "failure", "HPC", at.isoformat(), "", at.isoformat(), "") for a, at in sorted(failures)],
        )
    return dict(sorted(start.items()))


def _flotation(sets: Path) -> None:
    table = pd.read_parquet(sets / "mining_flotation" / "mining_hourly.parquet")
    shift = REPLAY_START + (REPLAY_HOURS - 1) * HOUR - table.date.iloc[-1].tz_localize(UTC)
    at = table.date.dt.tz_localize(UTC) + shift
    wide = table.rename(columns={k: v[0] for k, v in FLOTATION_TAGS.items()})[[v[0] for v in FLOTATION_TAGS.values()]]
    wide = wide.astype("float32").assign(time=at)[["time", *wide.columns]]
    end = at + HOUR
    lots = pd.DataFrame({"line": LINE, "lot": at.dt.strftime("L%Y%m%d-%H"), "start": at, "end": end})
    results = pd.DataFrame(
        {
            "line": LINE,
            "lot": lots.lot,
            "result": "silica_concentrate",
            "value": table["% Silica Concentrate"].astype(float),
            "result_at": end + LAB_DELAY,
        }
    )
    is_replayed = (at >= REPLAY_START).to_numpy()
    is_late = (results.result_at > REPLAY_START).to_numpy()
    for part, rows, known in (("history", ~is_replayed, ~is_late), ("replay", is_replayed, is_late)):
        _write_parquet(wide[rows], TARGET / part / "flotation.parquet")
        _write_parquet(lots[rows], TARGET / part / "lots.parquet")
        _write_parquet(results[known], TARGET / part / "results.parquet")


def _engine(unit: int) -> str:
    return f"demo/fleet/engine-{unit:03d}"


def _write_parquet(frame: Any, path: Path) -> None:
    frame.reset_index(drop=True).to_parquet(path, compression="zstd", index=False)


def _write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
