"""Gates for tests: nobody is asked, or real ones on a ledger with a clock that the test moves."""

from __future__ import annotations

from app.access import ConsoleGate
from dashboard.source import Source


def open_gate(source: Source) -> ConsoleGate:
    """Return the gate of a console on loopback without users."""
    return ConsoleGate(source.ledger, source.now, is_beyond=False)
