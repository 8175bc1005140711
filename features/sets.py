"""Named sets of calculators with their parameters, spelled and ordered as tsfresh 0.21 spells and orders them.

They are written out here so that scoring need not import tsfresh; a test holds them against its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Params = tuple[tuple[str, Any], ...]
Calculators = tuple[tuple[str, Params], ...]

TENTHS: Final = (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
FIFTHS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WIDTHS: Final = (2, 5, 10, 20)
BINS: Final = (2, 3, 5, 10, 100)
FIT: Final = ("pvalue", "rvalue", "intercept", "slope", "stderr")
NONE: Final[tuple[dict[str, Any], ...]] = ({},)

_EFFICIENT: Final[tuple[tuple[str, Iterable[dict[str, Any]]], ...]] = (
    ("variance_larger_than_standard_deviation", NONE),
    ("has_duplicate_max", NONE),
    ("has_duplicate_min", NONE),
    ("has_duplicate", NONE),
    ("sum_values", NONE),
    ("abs_energy", NONE),
    ("mean_abs_change", NONE),
    ("mean_change", NONE),
    ("mean_second_derivative_central", NONE),
    ("median", NONE),
    ("mean", NONE),
    ("length", NONE),
    ("standard_deviation", NONE),
    ("variation_coefficient", NONE),
    ("variance", NONE),
    ("skewness", NONE),
    ("kurtosis", NONE),
    ("root_mean_square", NONE),
    ("absolute_sum_of_changes", NONE),
    ("longest_strike_below_mean", NONE),
    ("longest_strike_above_mean", NONE),
    ("count_above_mean", NONE),
    ("count_below_mean", NONE),
    ("last_location_of_maximum", NONE),
    ("first_location_of_maximum", NONE),
    ("last_location_of_minimum", NONE),
    ("first_location_of_minimum", NONE),
    ("percentage_of_reoccurring_values_to_all_values", NONE),
    ("percentage_of_reoccurring_datapoints_to_all_datapoints", NONE),
    ("sum_of_reoccurring_values", NONE),
    ("sum_of_reoccurring_data_points", NONE),
    ("ratio_value_number_to_time_series_length", NONE),
    ("maximum", NONE),
    ("absolute_maximum", NONE),
    ("minimum", NONE),
    ("benford_correlation", NONE),
    ("time_reversal_asymmetry_statistic", [{"lag": lag} for lag in (1, 2, 3)]),
    ("c3", [{"lag": lag} for lag in (1, 2, 3)]),
    ("cid_ce", [{"normalize": True}, {"normalize": False}]),
    ("symmetry_looking", [{"r": i * 0.05} for i in range(20)]),
    ("large_standard_deviation", [{"r": i * 0.05} for i in range(1, 20)]),
    ("quantile", [{"q": q} for q in TENTHS]),
    ("autocorrelation", [{"lag": lag} for lag in range(10)]),
    ("agg_autocorrelation", [{"f_agg": f, "maxlag": 40} for f in ("mean", "median", "var")]),
    ("partial_autocorrelation", [{"lag": lag} for lag in range(10)]),
    ("number_cwt_peaks", [{"n": n} for n in (1, 5)]),
    ("number_peaks", [{"n": n} for n in (1, 3, 5, 10, 50)]),
    ("binned_entropy", [{"max_bins": 10}]),
    ("index_mass_quantile", [{"q": q} for q in TENTHS]),
    ("cwt_coefficients", [{"coeff": c, "w": w, "widths": WIDTHS} for c in range(15) for w in WIDTHS]),
    ("spkt_welch_density", [{"coeff": c} for c in (2, 5, 8)]),
    ("ar_coefficient", [{"coeff": c, "k": 10} for c in range(11)]),
    (
        "change_quantiles",
        [
            {"f_agg": f, "isabs": is_abs, "qh": high, "ql": low}
            for low in FIFTHS[:-1]
            for high in FIFTHS[1:]
            for is_abs in (False, True)
            for f in ("mean", "var")
            if low < high
        ],
    ),
    ("fft_coefficient", [{"attr": a, "coeff": c} for a in ("real", "imag", "abs", "angle") for c in range(100)]),
    ("fft_aggregated", [{"aggtype": a} for a in ("centroid", "variance", "skew", "kurtosis")]),
    ("value_count", [{"value": v} for v in (0, 1, -1)]),
    ("range_count", [{"max": 1, "min": -1}, {"max": 0, "min": -1e12}, {"max": 1e12, "min": 0}]),
    ("friedrich_coefficients", [{"coeff": c, "m": 3, "r": 30} for c in range(4)]),
    ("max_langevin_fixed_point", [{"m": 3, "r": 30}]),
    ("linear_trend", [{"attr": a} for a in FIT]),
    (
        "agg_linear_trend",
        [
            {"attr": a, "chunk_len": length, "f_agg": f}
            for a in FIT[1:]
            for length in (5, 10, 50)
            for f in ("max", "min", "mean", "var")
        ],
    ),
    ("augmented_dickey_fuller", [{"attr": a, "autolag": "AIC"} for a in ("teststat", "pvalue", "usedlag")]),
    ("number_crossing_m", [{"m": m} for m in (0, -1, 1)]),
    ("energy_ratio_by_chunks", [{"num_segments": 10, "segment_focus": i} for i in range(10)]),
    ("ratio_beyond_r_sigma", [{"r": r} for r in (0.5, 1, 1.5, 2, 2.5, 3, 5, 6, 7, 10)]),
    ("count_above", [{"t": 0}]),
    ("count_below", [{"t": 0}]),
    ("lempel_ziv_complexity", [{"bins": b} for b in BINS]),
    ("fourier_entropy", [{"bins": b} for b in BINS]),
    ("permutation_entropy", [{"dimension": d, "tau": 1} for d in (3, 4, 5, 6, 7)]),
    ("query_similarity_count", [{"query": None, "threshold": 0.0}]),
    ("mean_n_absolute_max", [{"number_of_maxima": 7}]),
)


def plain(*names: str) -> Calculators:
    """Return calculators that take no parameters."""
    return tuple((name, ()) for name in names)


LEVEL: Final = plain("mean", "minimum", "maximum", "standard_deviation", "mean_change")
TREND: Final = (
    *plain("mean", "median", "minimum", "maximum", "standard_deviation", "mean_change", "mean_abs_change"),
    ("cid_ce", (("normalize", False),)),
)
TRAILING_ROWS: Final = (1, 5, 10, 20, 40, 80)
TRAILING: Final[Calculators] = (
    *(("trailing_mean", (("rows", n),)) for n in TRAILING_ROWS),
    *(("trailing_slope", (("rows", n),)) for n in TRAILING_ROWS[2:]),
    ("standard_deviation", ()),
)
"""How a slow drift looks over several lengths; not tsfresh's, but for the last."""
MINIMAL: Final = plain(
    "sum_values",
    "median",
    "mean",
    "length",
    "standard_deviation",
    "variance",
    "root_mean_square",
    "maximum",
    "absolute_maximum",
    "minimum",
)
EFFICIENT: Final[Calculators] = tuple((name, tuple(each.items())) for name, asked in _EFFICIENT for each in asked)
"""tsfresh's `EfficientFCParameters` but for `linear_trend_timewise`, which tsfresh skips without a calendar."""
