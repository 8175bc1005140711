"""What alerts were worth as text and as JSON data, for the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from alerts.messages import local
from domain.rulings import Ruling, Worth
from domain.text import Translate, printable, spoken


def why(ruling: Ruling, t: Translate, zone: str) -> str:
    """Say why a ruling was made: the rule's reason, or a person's cause, what they found, and their name."""
    if not ruling.by:
        return spoken(t, ruling.because, at=lambda at: local(datetime.fromisoformat(at), zone))
    said = [printable(x) for x in (ruling.cause, ruling.found) if x]
    return "; ".join([*said, printable(ruling.by)])


def as_json(ruling: Ruling | None, t: Translate, zone: str) -> dict[str, Any]:
    """Return what `alerts list --json` tells of an alert's worth; null where nothing is known yet."""
    if ruling is None:
        return {"worth": None, "worth_by": None, "worth_why": None, "asks": False}
    by = ruling.by or "rule"
    return {"worth": ruling.worth.value, "worth_by": by, "worth_why": why(ruling, t, zone), "asks": ruling.asks}


def counted(rulings: Iterable[Ruling]) -> dict[str, int]:
    """Return how many rulings there are of each worth."""
    found = Counter(r.worth for r in rulings)
    return {w.value: found[w] for w in Worth}


def summed(added: Sequence[Ruling]) -> str:
    """Say in one line what a run of the rule added."""
    parts = ", ".join(f"{n} {name}" for name, n in counted(added).items() if n)
    return f"ruled on {len(added)}" + (f": {parts}" if parts else ", nothing new")
