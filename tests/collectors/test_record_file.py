"""Events, lots and results of files: which times they may state."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from collectors.dump import read_dump
from domain.records import Decoded, Reason
from tests.collectors.plants import NOW, PLANT, form

LATEST = NOW + timedelta(seconds=300)
FAR = "2110-01-01T00:00:00Z"


def load(folder: Path, kind: str, text: str) -> Decoded:
    path = folder / "a.csv"
    path.write_text(text)
    (found,) = read_dump(path, form(kind=kind), PLANT, NOW, LATEST)
    return found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("events", f"kind,start\nstop,{FAR}\n"),
        ("events", f"kind,start,known_at\nstop,{NOW.isoformat()},{FAR}\n"),
        ("lots", f"lot,start,end\n1,{FAR},{FAR}\n"),
        ("lots", f"lot,start,end\n1,{NOW.isoformat()},{FAR}\n"),
        ("lots", f"lot,known_at\n1,{FAR}\n"),
        ("results", f"lot,result,value,result_at\n1,silica,2,{FAR}\n"),
    ],
)
def test_record_of_the_future_is_rejected(kind: str, text: str, tmp_path: Path) -> None:
    found = load(tmp_path, kind, text)
    assert ([r.reason for r in found.rejected], found.n_good) == ([Reason.FUTURE], 0)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("events", f"kind,start\nstop,{LATEST.isoformat()}\n"),
        ("events", f"kind,start,end\nshift,{NOW.isoformat()},{(NOW + timedelta(hours=8)).isoformat()}\n"),
        ("lots", f"lot,end\n1,{LATEST.isoformat()}\n"),
        ("results", f"lot,result,value,result_at\n1,silica,2,{LATEST.isoformat()}\n"),
    ],
)
def test_record_of_this_moment_and_the_end_of_what_was_planned_are_taken(kind: str, text: str, tmp_path: Path) -> None:
    found = load(tmp_path, kind, text)
    assert (found.rejected, found.n_good) == ((), 1)
