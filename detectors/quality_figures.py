"""What held-out lots were predicted as, and what they came to, to figures as JSON data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import log_odds_of
from detectors.quality_design import Task

Floats = NDArray[np.float64]
OF_LABELS: Final = ("recall", "precision", "balanced_error_rate", "roc_auc", "roc_auc_interval", "pr_auc")
SURE: Final = 1.645  # standard errors on either side of an interval of 90 %


def errors_of(errors: Floats) -> float:
    """Return the root of the mean squared error; rows without a prediction are left out."""
    return float(np.sqrt(np.nanmean(errors**2)))


def judged(task: Task, outcome: Floats, raw: Floats, threshold: float | None) -> dict[str, Any]:
    """Return the figures of a task; raw: the result, or log-odds of a bad lot, beside the threshold's probability."""
    if task == "regression":
        return of_numbers(outcome, raw)
    limit = log_odds_of(0.5 if threshold is None else threshold)
    return of_classes(outcome, raw, raw >= limit)


def of_numbers(outcome: Floats, predicted: Floats) -> dict[str, Any]:
    """Return rmse, mae and r2."""
    errors = predicted - outcome
    spread = float(((outcome - outcome.mean()) ** 2).sum())
    return {
        "rmse": errors_of(errors),
        "mae": float(np.abs(errors).mean()),
        "r2": None if spread == 0 else 1.0 - float((errors**2).sum()) / spread,
    }


def of_classes(label: Floats, order: Floats, is_called: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how many lots are bad and good, recall, precision, balanced error rate, and the areas under the curves.

    order: the larger, the worse the lot. roc_auc_interval: of 90 %.
    """
    from scipy.stats import rankdata

    is_bad = label == 1
    n_bad, n_good = int(is_bad.sum()), int((~is_bad).sum())
    if not n_bad or not n_good:
        return {"n_bad": n_bad, "n_good": n_good, **dict.fromkeys(OF_LABELS)}
    recall, kept = float(is_called[is_bad].mean()), float((~is_called[~is_bad]).mean())
    ranks = rankdata(order)
    area = float((ranks[is_bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))
    noise = SURE * _noise_of_area(order, is_bad)
    best_first = np.argsort(-order, kind="stable")
    caught = np.cumsum(is_bad[best_first])
    return {
        "n_bad": n_bad,
        "n_good": n_good,
        "recall": recall,
        "precision": float(is_bad[is_called].mean()) if is_called.any() else None,
        "balanced_error_rate": 1.0 - (recall + kept) / 2,
        "roc_auc": area,
        "roc_auc_interval": [max(0.0, area - noise), min(1.0, area + noise)],
        "pr_auc": float((caught / np.arange(1, len(caught) + 1))[is_bad[best_first]].mean()),
    }


def _noise_of_area(order: Floats, is_bad: NDArray[np.bool_]) -> float:
    """Return the standard error of the area under the ROC curve. Source: DeLong et al. (1988)."""
    from scipy.stats import rankdata

    bad, good = order[is_bad], order[~is_bad]
    every = rankdata(np.concatenate([bad, good]))
    of_bad = (every[: len(bad)] - rankdata(bad)) / len(good)
    of_good = 1.0 - (every[len(bad) :] - rankdata(good)) / len(bad)
    spreads = [of.var(ddof=1) / len(of) if len(of) > 1 else 0.25 for of in (of_bad, of_good)]
    return float(np.sqrt(sum(spreads)))
