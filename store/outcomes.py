"""Outcomes as JSON, for stores that remember what became of a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from domain.records import Conflict, Outcome, Reason, Refused


def write_conflicts(conflicts: Sequence[Conflict]) -> str:
    """Return conflicts as JSON."""
    return json.dumps([[c.key, c.at.isoformat(), c.stored, c.offered] for c in conflicts])


def read_conflicts(text: str) -> tuple[Conflict, ...]:
    """Read what `write_conflicts` wrote."""
    return tuple(Conflict(k, datetime.fromisoformat(at), s, o) for k, at, s, o in json.loads(text))


def write_refused(refused: Sequence[Refused]) -> str:
    """Return refused points as JSON."""
    return json.dumps(
        [
            [
                r.key,
                r.at.isoformat(),
                r.value,
                r.text,
                r.reason.value,
                r.detail,
                r.quality,
                r.flags,
                r.received_at,
                r.record,
            ]
            for r in refused
        ]
    )


def read_refused(text: str) -> tuple[Refused, ...]:
    """Read what `write_refused` wrote; what was written before it noted quality, flags and receipt has none."""
    return tuple(
        Refused(key, datetime.fromisoformat(at), value, said, Reason(reason), detail, *noted)
        for key, at, value, said, reason, detail, *noted in json.loads(text)
    )


def write(outcome: Outcome) -> str:
    """Return an outcome as JSON."""
    return json.dumps(
        [outcome.stored, outcome.duplicates, write_conflicts(outcome.conflicts), write_refused(outcome.refused)]
    )


def read(text: str) -> Outcome:
    """Read what `write` wrote."""
    stored, duplicates, conflicts, refused = json.loads(text)
    return Outcome(stored, duplicates, read_conflicts(conflicts), read_refused(refused))
