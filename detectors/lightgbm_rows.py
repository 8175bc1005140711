"""Single rows in, what a LightGBM booster says of them out, to the bit as its `predict` says it.

`predict` makes itself ready on each call, which takes longer than the trees do: LightGBM's C interface has calls for
single rows that are made ready once. Invariant: what is made ready is given back before its booster is.
Source: LightGBM C API, LGBM_BoosterPredictForMatSingleRowFast.
"""

from __future__ import annotations

import ctypes
import weakref
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DOUBLE: Final = 1  # C_API_DTYPE_FLOAT64
PARAMETERS: Final = b"num_threads=1"


class Answer(IntEnum):
    """What is asked for, by the numbers of the C interface."""

    MARGIN = 1
    CONTRIBUTIONS = 3


class SingleRows:
    """Answers of one booster that has one class; threads may share it."""

    def __init__(self, booster: Any, answer: Answer) -> None:
        from lightgbm.basic import _LIB, _safe_call

        self._booster, self._predict, self._checked = booster, _LIB.LGBM_BoosterPredictForMatSingleRowFast, _safe_call
        self._n_columns = int(booster.num_feature())
        self._width = self._n_columns + 1 if answer is Answer.CONTRIBUTIONS else 1
        self._ready = ctypes.c_void_p()
        made_ready = _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            int(answer),
            0,
            booster.best_iteration,
            DOUBLE,
            self._n_columns,
            PARAMETERS,
            ctypes.byref(self._ready),
        )
        _safe_call(made_ready)
        weakref.finalize(self, _LIB.LGBM_FastConfigFree, self._ready)

    def __call__(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the margin of a row (1, columns), as (1,); or its contributions and then the base, (columns + 1,).

        Raises ValueError for another number of columns than the booster was trained on.
        """
        if row.shape != (1, self._n_columns):
            raise ValueError(f"a row of {self._n_columns} columns is needed, not {row.shape}")
        values = np.ascontiguousarray(row, dtype=np.float64)
        found, n_found = np.empty(self._width), ctypes.c_int64(0)
        self._checked(
            self._predict(
                self._ready,
                ctypes.c_void_p(values.ctypes.data),
                ctypes.byref(n_found),
                ctypes.c_void_p(found.ctypes.data),
            )
        )
        return found
