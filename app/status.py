"""What state the plant's Forewarn is in: the sum, lag, dead letters, models, jobs; for the command line and the
console.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.health import receiver_noted
from app.inbox import waiting
from app.rooms import Rooms


def status(rooms: Rooms, now: datetime) -> dict[str, Any]:
    """Return the status as JSON data; reads ledger and journal only, so it works beside a running service."""
    tallies = rooms.journal.totals()
    counts = rooms.ledger.job_counts()
    verdicts = rooms.ledger.scoring.verdicts()
    return {
        "sum": [{k: v for k, v in asdict(t).items() if k != "hour"} | {"difference": t.difference} for t in tallies],
        "in_journal": rooms.journal.n_waiting(),
        "waiting_files": waiting(rooms),
        "collector": receiver_noted(rooms),
        "dead_letters": rooms.journal.dead_letters_by_reason(),
        "verdicts": {v: sum(r.verdict.value == v for r in verdicts.values()) for v in _verdict_names()},
        "open_alerts": sum(a.state.is_open for a in rooms.ledger.alerting.open().values()),
        "outbox": asdict(rooms.ledger.outbox.counts()),
        "models": [
            {
                "detector": m.detector,
                "model_id": m.model_id,
                "role": m.role,
                "age_s": (now - m.trained_at).total_seconds(),
            }
            for m in rooms.ledger.scoring.models()
        ],
        "jobs": {
            name: {"succeeded_at": None if at is None else at.isoformat(), "error": error, **counts[name]}
            for name, (at, error) in rooms.ledger.job_runs().items()
        },
    }


def _verdict_names() -> list[str]:
    from domain.scores import Verdict

    return [v.value for v in Verdict]
