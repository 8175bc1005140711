"""An export that no code knows: odd names, semicolons, decimal commas, Korean headers, local times, lots and stops.

Run as a module, it writes the three files into the working folder: python -m tests.app.unknown_plant
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime.fromisoformat("2026-01-05T00:00:00")
STEP = timedelta(minutes=10)
N_ROWS = 6_480  # 45 days
N_FAILURES = 9
ENCODING = "cp949"


def write(folder: Path) -> tuple[Path, Path, Path]:
    """Write sensors, lots with results, and stops; returns their paths. The same bytes on every run."""
    random = np.random.default_rng(20260105)
    hours = np.arange(N_ROWS) / 6.0
    failures = [60 + 110 * k for k in range(N_FAILURES)]  # hours
    heat = np.zeros(N_ROWS)
    for failure in failures:  # it warms up for eight hours before each failure
        heat += np.where((hours > failure - 8) & (hours <= failure), (hours - failure + 8) * 2.0, 0.0)
    oven = 182 + heat + random.normal(0, 1.5, N_ROWS)
    pressure = 12 + 0.3 * np.sin(hours / 5) + random.normal(0, 0.1, N_ROWS)
    flow = 41 + random.normal(0, 0.8, N_ROWS)
    text = ["sep=;", "측정 일시;오븐 온도(℃);Druck Kessel [bar];유량 (㎥/h);펌프;비고"]
    for i in range(N_ROWS):
        cells = [_number(oven[i]), _number(pressure[i]), "통신이상" if i % 911 == 5 else _number(flow[i])]
        text.append(";".join([_local(START + i * STEP), *cells, "정지" if i % 50 == 0 else "가동", ""]))
    return (
        _file(folder / "Ofen2_2026-01.csv", text),
        _file(folder / "로트검사.csv", _lots(hours, oven, random)),
        _file(folder / "정지이력.csv", _stops(failures)),
    )


def _lots(hours: np.ndarray, oven: np.ndarray, random: np.random.Generator) -> Iterable[str]:
    yield "LOT번호;투입 시작;투입 종료;검사 일시;점도 [cP];판정"
    for k in range(250):
        start = 4.0 * k + 1
        during = oven[(hours >= start) & (hours < start + 3)]
        viscosity = 30 - 0.4 * (during.mean() - 182) + random.normal(0, 0.3)
        times = (START + timedelta(hours=h) for h in (start, start + 3, start + 5))
        verdict = "불량" if viscosity < 29.4 else "양품"
        yield ";".join([f"A-{k:05d}", *map(_local, times), _number(viscosity), verdict])


def _stops(failures: list[int]) -> Iterable[str]:
    yield "구분;원인 코드;발생 일시;복구 일시"
    for k, hour in enumerate(failures):
        at = START + timedelta(hours=hour)
        yield f"고장;H{k % 2};{_local(at)};{_local(at + timedelta(hours=2))}"
        cleaned = at + timedelta(hours=50)
        yield f"청소;C1;{_local(cleaned)};{_local(cleaned + timedelta(hours=1))}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def _local(at: datetime) -> str:
    return f"{at:%d.%m.%Y %H:%M}"


def _file(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=ENCODING)
    return path


if __name__ == "__main__":
    write(Path.cwd())
