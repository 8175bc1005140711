"""tsfresh and two Rust rewrites of it over the same windows of the same array, each as its documentation shows it.

Pinned: tsfresh-rs 0.1.1, tsfx 0.8.0. Each function takes float64 (samples, tags) and returns the number of windows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TIME_FORMAT: Final = "%Y-%m-%d"


def settings() -> dict[str, Any]:
    """Return tsfresh's efficient set without what it skips itself when there is no calendar."""
    efficient = import_module("tsfresh.feature_extraction").EfficientFCParameters()
    return {name: params for name, params in efficient.items() if name != "linear_trend_timewise"}


def tsfresh(values: Floats, window: int, step: int) -> int:
    """Roll and extract by tsfresh, one process."""
    return _pandas_style("tsfresh", values, window, step)


def tsfresh_rs(values: Floats, window: int, step: int) -> int:
    """Roll and extract by tsfresh-rs, one thread."""
    return _pandas_style("tsfresh_rs", values, window, step)


def _pandas_style(package: str, values: Floats, window: int, step: int) -> int:
    extract = import_module(package).extract_features
    roll = import_module("tsfresh.utilities.dataframe_functions").roll_time_series
    frame = pd.DataFrame(values, columns=[f"tag{i}" for i in range(values.shape[1])])
    frame["id"], frame["time"] = 0, np.arange(len(values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rolled = roll(
            frame,
            column_id="id",
            column_sort="time",
            rolling_direction=step,
            min_timeshift=window - 1,
            max_timeshift=window - 1,
            n_jobs=0,
            disable_progressbar=True,
        )
        jobs = {"n_jobs": 0} if package == "tsfresh" else {"n_jobs": 1}
        found = extract(
            rolled,
            column_id="id",
            column_sort="time",
            default_fc_parameters=settings(),
            disable_progressbar=True,
            **jobs,
        )
    return len(found)


def tsfx(values: Floats, window: int, step: int) -> int:
    """Extract dynamic windows by tsfx, one thread."""
    polars, package = import_module("polars"), import_module("tsfx")
    names = [f"tag{i}" for i in range(values.shape[1])]
    frame = polars.DataFrame(dict(zip(names, np.ascontiguousarray(values.T), strict=True)))
    start = datetime(1900, 1, 1, tzinfo=UTC)  # a sample a day: tsfx reads times as dates
    time = polars.Series([(start + timedelta(days=i)).strftime(TIME_FORMAT) for i in range(len(values))])
    lazy = frame.with_columns(time.alias("time"), polars.lit("a").alias("id")).lazy()
    asked = package.ExtractionSettings(
        grouping_cols=["id"],
        feature_setting=package.FeatureSetting.Efficient,
        value_cols=names,
        dynamic_settings=package.DynamicGroupBySettings(
            time_col="time", every=f"{step}d", period=f"{window}d", offset="0d", datetime_format=TIME_FORMAT
        ),
    )
    return int(package.extract_features(lazy, asked).height)


PEERS: Final[Mapping[str, Callable[[Floats, int, int], int]]] = {
    "tsfresh": tsfresh,
    "tsfx": tsfx,
    "tsfresh-rs": tsfresh_rs,
}
