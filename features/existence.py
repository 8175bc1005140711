"""Names and a number of samples to the columns that can exist: tsfresh's own conditions on a window's length.

Invariant: what is left out is NaN in tsfresh for every window of that length; what stays has a value for some window.
A calculator that is not named here is taken to exist at any length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from domain.vectors import FeatureName

WELCH_SEGMENT: Final = 256  # samples that scipy.signal.welch takes for a segment, at most
Params = Mapping[str, Any]


def exists(name: FeatureName, n: int) -> bool:
    """Return whether a feature can have a value in a window with `n` values of its tag; n >= 3."""
    rule = RULES.get(name.calculator)
    return name.origin != "tag" or rule is None or rule(dict(name.params), n)


def existing(names: Iterable[FeatureName], samples: Mapping[str, int]) -> tuple[FeatureName, ...]:
    """Return the names that can exist, in order. samples: by tag, the values of a window that misses none."""
    return tuple(name for name in names if name.origin != "tag" or exists(name, samples[name.source]))


def _partial(params: Params, n: int) -> bool:
    return n >= max(4, 2 * int(params["lag"]) + 2)


def _autoregression(params: Params, n: int) -> bool:
    """tsfresh fills a model that cannot be fitted with k NaN, and gives 0 for the coefficient beyond them."""
    coefficient, lags = int(params["coeff"]), int(params["k"])
    return coefficient == lags or (coefficient < lags and n > 2 * lags)


def _of_spectrum(params: Params, n: int) -> bool:
    """Skew and kurtosis need a variance of 0.5 and more: two places of the spectrum cannot have it."""
    return params["aggtype"] not in ("skew", "kurtosis") or n >= 4


RULES: Final[Mapping[str, Callable[[Params, int], bool]]] = {
    "kurtosis": lambda _, n: n >= 4,
    "autocorrelation": lambda params, n: n > int(params["lag"]),
    "partial_autocorrelation": _partial,
    "cwt_coefficients": lambda params, n: n > int(params["coeff"]),
    "spkt_welch_density": lambda params, n: int(params["coeff"]) <= min(n, WELCH_SEGMENT) // 2,
    "ar_coefficient": _autoregression,
    "fft_coefficient": lambda params, n: int(params["coeff"]) <= n // 2,
    "fft_aggregated": _of_spectrum,
    "agg_linear_trend": lambda params, n: n > int(params["chunk_len"]),
    "augmented_dickey_fuller": lambda _, n: n >= 4,
    "permutation_entropy": lambda params, n: n >= int(params["dimension"]),
    "query_similarity_count": lambda params, _: params.get("query") is not None,
    "mean_n_absolute_max": lambda params, n: n > int(params["number_of_maxima"]),
}
