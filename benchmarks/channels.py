"""Eight kinds of industrial signal, as one asset's tags: float64 (samples, 8)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TAGS: Final = ("noise", "sine", "walk", "quantised", "setpoints", "sawtooth", "vibration", "bursts")


def signals(n: int, seed: int = 7) -> NDArray[np.float64]:
    """Return noise, a sine, a random walk, a quantised level (ties), setpoint steps, a sawtooth, a resonance, and
    bursts with stretches of zeros between them.
    """
    random, t = np.random.default_rng(seed), np.arange(n)
    bursts, is_hit = np.zeros(n), random.random(n) < 0.01
    bursts[is_hit] = random.exponential(4, is_hit.sum())
    ringing = np.convolve(bursts, np.exp(-np.arange(40) / 8))[:n]
    return np.column_stack(
        [
            50 + random.normal(0, 2, n),
            5 * np.sin(2 * np.pi * t / 47) + random.normal(0, 0.5, n),
            np.cumsum(random.normal(0, 0.3, n)),
            np.round(20 + 3 * np.sin(2 * np.pi * t / 900) + random.normal(0, 0.15, n), 1),
            np.repeat(random.choice([10.0, 20.0, 35.0], n // 250 + 1), 250)[:n] + random.normal(0, 0.2, n),
            (t % 130) * 0.7 + random.normal(0, 0.1, n),
            _resonance(random.normal(0, 1, n)),
            np.where(ringing < 0.01, 0.0, ringing),
        ]
    )


def _resonance(shocks: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.zeros(len(shocks))
    for i in range(2, len(shocks)):
        found[i] = 1.6 * found[i - 1] - 0.9 * found[i - 2] + shocks[i]
    return found
