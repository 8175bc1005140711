"""Stops with a planted reason for which no warning came, as arrays; positions are hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from domain.limits import Limits
from reports.unwarned import Case, Floats, Spoke, Trace, Track

HOURS, HORIZON, LEAD = 24 * 40, 24.0, 2.0
STOP = float(HOURS)
LIMITS = Limits(2.0, 1.5)


def wander(random: np.random.Generator, n: int, memory: float = 0.7) -> Floats:
    """Return n steps of a value that remembers the last one, with unit spread."""
    found, noise = np.zeros(n), random.normal(size=n) * np.sqrt(1 - memory**2)
    for i in range(1, n):
        found[i] = memory * found[i - 1] + noise[i]
    return found


def quiet(seed: int) -> Case:
    """Return a stop of which nothing tells before it: tags with a daily course, scores that wander."""
    random = np.random.default_rng(seed)
    hours = np.arange(1.0, HOURS + 1)
    traces = [
        Trace(name, "degC", hours, 50 + wander(random, HOURS) + np.sin(hours / 24 * 2 * np.pi), 1.0)
        for name in ("oil", "heat", "flow", "speed")
    ]
    tracks = [Track(hours, -3 + 0.5 * wander(random, HOURS)) for _ in range(5)]
    own, *others = tracks
    needed = frozenset(("oil", "heat"))
    return Case(STOP, HORIZON, LEAD, 0.0, LIMITS, needed, 0.8, 1.0, traces, own, others, week=168.0)


def rising(seed: int, to: float = 1.0) -> Case:
    """Return a stop before which oil and the score rise, the score not as high as its limit."""
    case = quiet(seed)
    ramp = np.clip((case.own.position - (STOP - 14)) / 10, 0, 1)
    oil = replace(case.traces[0], value=case.traces[0].value + 12 * ramp)
    value = case.own.value * (1 - ramp) + to * ramp
    return replace(case, traces=[oil, *case.traces[1:]], own=replace(case.own, value=value))


def blind(seed: int) -> Case:
    """Return a stop before which a tag moves that the score does not heed."""
    case = rising(seed)
    return replace(case, own=quiet(seed).own)


def gap(seed: int, tag: str = "heat") -> Case:
    """Return a stop before which a tag that the model needs fell silent, and nothing was assessed; oil rises."""
    case = rising(seed)
    since = STOP - HORIZON + np.random.default_rng(seed).uniform(0, 6)
    silent = [
        replace(t, position=t.position[t.position < since], value=t.value[t.position < since]) if t.name == tag else t
        for t in case.traces
    ]
    value = np.where(case.own.position < since, case.own.value, np.nan)
    return replace(case, traces=silent, own=replace(case.own, value=value))


def spoken(case: Case, raised: float, cleared: float = np.inf, *, is_held: bool = False) -> Case:
    """Return the case with an alert."""
    return replace(case, spoke=(Spoke(raised, cleared, is_held),))
