"""What can be said of an asset now: what is known of it in, one of five verdicts and its reason out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.scores import Score, Verdict
from domain.text import mark, phrase

STALE_PERIODS: Final = 3


@dataclass(frozen=True, slots=True)
class AssetState:
    """What is known of an asset. period: its slowest tag's. scores: the newest of each of its detectors.

    n_detectors: configured for its class; n_models: those with a trained model.
    """

    asset: str
    stopped_since: datetime | None
    newest_at: datetime | None
    period: timedelta
    n_open_alerts: int
    scores: tuple[Score, ...]
    n_detectors: int
    n_models: int
    engine_error: str = ""


STOPPED = mark("stopped since {since}")
NEVER_REPORTED = mark("no data yet")
SILENT = mark("silent since {since}")
NO_DETECTOR = mark("no detector is configured for it")
NO_MODEL = mark("no model yet")
LEARNING = mark("learning: not scored yet")
ENGINE_FAILED = mark("scoring failed: {error}")


def verdict_of(state: AssetState, now: datetime) -> tuple[Verdict, str]:
    """Return the verdict and its reason as a stored phrase ("" where the verdict says it all).

    An error in scoring comes first, for nothing else can be relied on; then a stop and silence; then open alerts.
    """
    if state.engine_error:
        return Verdict.ENGINE_ERROR, phrase(ENGINE_FAILED, error=state.engine_error)
    if state.stopped_since is not None:
        return Verdict.NO_DATA, phrase(STOPPED, since=state.stopped_since.isoformat())
    if state.newest_at is None:
        return Verdict.NO_DATA, phrase(NEVER_REPORTED)
    if now - state.newest_at > STALE_PERIODS * state.period:
        return Verdict.NO_DATA, phrase(SILENT, since=state.newest_at.isoformat())
    if state.n_open_alerts:
        return Verdict.ALARM, ""
    if not state.n_detectors:
        return Verdict.NOT_ASSESSED, phrase(NO_DETECTOR)
    if not state.n_models:
        return Verdict.NOT_ASSESSED, phrase(NO_MODEL)
    if not state.scores:
        return Verdict.NOT_ASSESSED, phrase(LEARNING)
    unscored = next((s for s in state.scores if s.verdict is not Verdict.OK), None)
    if unscored is not None:
        return unscored.verdict, unscored.reason
    return Verdict.OK, ""
