"""What the software measures of itself, as app/ takes it, alerts/ watches it and dashboard/ shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure of the software, named as rules watch it (`health:<name>`); detail is English, as in the log."""

    name: str
    value: float
    detail: str
