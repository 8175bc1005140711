"""From where failures show in the data: found in each run-up, accepted or set by an engineer, kept in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from app import courses
from app.courses import Quiet
from app.rooms import Rooms
from detectors.onset import onset_of
from detectors.settings import DetectorSettings
from detectors.symptoms import is_symptom
from domain.instants import from_ns, to_ns
from domain.plant import AssetClass, Axis
from domain.records import Event
from features.windows import Grid

HORIZONS: Final = 20  # of a run-up that are looked at


@dataclass(frozen=True, slots=True)
class Onset:
    """From where one failure shows. at: None where nothing was found, and its whole horizon counts. by: who accepted
    it, "" for nobody.
    """

    asset: str
    code: str
    failed_at: datetime
    at: datetime | None
    by: str = ""

    @property
    def key(self) -> str:
        """The failure's key in the ledger's note."""
        return f"{self.asset}|{self.code}|{self.failed_at.isoformat()}"


def look_for(
    grid: Grid, events: Sequence[Event], asset_class: AssetClass, detector: DetectorSettings
) -> Iterator[Onset]:
    """Yield the onset of each failure of an asset, looked for in its own run-up: since the last stop or re-learning."""
    quiet = courses.quiet_spans(grid, events, asset_class)
    for event in events:
        if is_symptom(event, detector.symptom, detector.outcome):
            at = _in_run_up(grid, quiet, asset_class, to_ns(event.start))
            yield Onset(event.asset, event.code, event.start, None if at is None else from_ns(at))


def _in_run_up(grid: Grid, quiet: Sequence[Quiet], asset_class: AssetClass, failed_at: int) -> int | None:
    since = max((q.end for q in quiet if q.end <= failed_at and q.start < failed_at), default=0)
    stop = int(np.searchsorted(grid.times, failed_at, side="right"))
    first = int(np.searchsorted(grid.times, since, side="left"))
    longest = HORIZONS * asset_class.horizon
    if asset_class.axis is Axis.CYCLE:
        first = max(first, stop - longest)
    else:
        first = max(first, int(np.searchsorted(grid.times, failed_at - longest, side="left")))
    rows = np.arange(first, stop)
    found = onset_of(grid.values[first:stop], rows.astype(np.float64))
    return None if found is None else int(grid.times[int(found)])


def accepted(rooms: Rooms, detector: str) -> dict[str, Onset]:
    """Return what was accepted for a detector, by key."""
    rows: Mapping[str, Mapping[str, str | None]] = json.loads(rooms.ledger.note(_note(detector)) or "{}")
    found = {}
    for key, row in rows.items():
        asset, code, failed_at = key.rsplit("|", 2)
        at = row["at"]
        found[key] = Onset(
            asset,
            code,
            datetime.fromisoformat(failed_at),
            None if at is None else datetime.fromisoformat(at),
            str(row["by"]),
        )
    return found


def accept(rooms: Rooms, detector: str, onsets: Sequence[Onset], by: str) -> list[Onset]:
    """Keep onsets as accepted by a person; one of the same failure that was kept before is replaced."""
    named = [replace(o, by=by) for o in onsets]
    kept = accepted(rooms, detector) | {o.key: o for o in named}
    rows = {k: {"at": None if o.at is None else o.at.isoformat(), "by": o.by} for k, o in sorted(kept.items())}
    rooms.ledger.save_note(_note(detector), json.dumps(rows))
    return named


def settled(found: Sequence[Onset], kept: Mapping[str, Onset]) -> list[Onset]:
    """Return what counts of each failure: what a person accepted, or else what was found."""
    return [kept.get(o.key, o) for o in found]


def _note(detector: str) -> str:
    return f"onsets:{detector}"
