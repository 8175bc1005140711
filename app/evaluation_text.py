"""The figures of a back-test to lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.model_text import cautions
from domain.text import Translate


def shown(found: Mapping[str, Any], t: Translate) -> Iterator[str]:
    """Yield what a back-test found, the promise first."""
    yield t("{detector}: back-test, split by {split} in {n} parts", detector=found["detector"], split=found["split"],
            n=found["folds"])  # fmt: skip
    if found["is_optimistic"]:
        yield "  " + t("OPTIMISTIC: rows were dealt at random, and neighbouring windows share their values")
    for reason in found["folds_refused"]:
        yield "  " + t("a part was not tested: {reason}", reason=reason)
    yield from ("  " + line for line in cautions(found, t))
    if found["at_the_end"] is None:
        yield "  " + t("{k} of {n} rows caught", k=found["events_caught"], n=found["n_events"])
    else:
        yield "  " + t("{k} of {n} stops caught at the lead budget of {lead}", k=found["events_caught"],
                       n=found["n_events"], lead=_span(found["lead_budget_s"]))  # fmt: skip
    if found["event_recall"] is not None:
        low, high = found["event_recall_interval"]
        yield "  " + t("recall {recall} (90 % interval {low} to {high})", recall=_share(found["event_recall"]),
                       low=_share(low), high=_share(high))  # fmt: skip
    if found["n_events_unwatched"]:
        yield "  " + t("{n} more had no window that could have warned of them in time", n=found["n_events_unwatched"])
    if found["false_alarms_per_week"] is not None:
        yield "  " + t("{rate} false alarms per asset and week ({n} in all)",
                       rate=f"{found['false_alarms_per_week']:.3g}", n=found["false_alarms"])  # fmt: skip
    if found["median_lead_time_s"] is not None:
        yield "  " + t("median lead time {lead}", lead=_span(found["median_lead_time_s"]))
    for mode, each in found["per_mode"].items():
        yield "    " + t("{mode}: {k} of {n}", mode=mode or "-", k=each["events_caught"], n=each["n_events"])
    if found["modes_never_caught"]:
        yield "  " + t("never caught: {modes}", modes=", ".join(m or "-" for m in found["modes_never_caught"]))
    if found["row_precision"] is not None and found["row_recall"] is not None:
        yield "  " + t("rows: recall {recall}, precision {precision}", recall=_share(found["row_recall"]),
                       precision=_share(found["row_precision"]))  # fmt: skip
    life = found["remaining_life"]
    if life is not None and life["at_the_end"]["rmse"] is not None:
        each = life["at_the_end"]
        yield "  " + t("remaining life: error {rmse} (root mean square), {share} within the interval",
                       rmse=f"{each['rmse']:.3g}", share=_share(each["interval_coverage"]))  # fmt: skip


def quality_shown(found: Mapping[str, Any], t: Translate) -> Iterator[str]:
    """Yield what a back-test of lots found, what it is worth beside the plain ways, and what is suspect."""
    yield t("{detector}: back-test, split by {split} in {n} parts", detector=found["detector"], split=found["split"],
            n=found["folds"])  # fmt: skip
    if found["is_optimistic"]:
        yield "  " + t("OPTIMISTIC: lots were dealt at random, and neighbouring lots tell of one another")
    for reason in found["folds_refused"]:
        yield "  " + t("a part was not tested: {reason}", reason=reason)
    if found["task"] == "classification":
        low, high = found["roc_auc_interval"] or (0.0, 1.0)
        yield "  " + t("balanced error rate {ber}; area under the ROC curve {area} (90 % interval {low} to {high})",
                       ber=_number(found["balanced_error_rate"]), area=_number(found["roc_auc"]), low=_number(low),
                       high=_number(high))  # fmt: skip
        yield "  " + t("bad lots: recall {recall}, precision {precision}", recall=_number(found["recall"]),
                       precision=_number(found["precision"]))  # fmt: skip
    else:
        yield "  " + t("error {rmse} (root mean square), R² {r2}; the 90 % interval held {share}",
                       rmse=_number(found["rmse"]), r2=_number(found["r2"]),
                       share=_share(found["interval_coverage"]))  # fmt: skip
        yield "  " + t("beside it: mean {mean}, persistence {persistence}, laboratory history alone {lab}",
                       mean=_number(found["mean_rmse"]), persistence=_number(found["persistence_rmse"]),
                       lab=_number(found["lab_rmse"]))  # fmt: skip
    for part in found["by_fold"]:
        yield "    " + _part(part, t)
    if found["process_adds"] is not None and not found["process_adds"]["adds"]:
        yield "  " + t("In the back-test the process data add nothing over the laboratory's own history.")
    if found["optimistic"] is not None:
        worth = found["optimistic"]
        figure = f"R² {_number(worth['r2'])}" if worth["r2"] is not None else f"AUC {_number(worth['roc_auc'])}"
        yield "  " + t("OPTIMISTIC, lots dealt at random, not to be promised to anyone: {figure}", figure=figure)
    yield from suspected(found["suspects"], t)


def _part(part: Mapping[str, Any], t: Translate) -> str:
    """Return the line of one part of a back-test: its days, its error, and what moved before it."""
    days = {"start": part["from"][:10], "end": part["to"][:10], "n": part["n_lots"]}
    if part["rmse"] is None:
        said = t("{start} to {end}, {n} lots: balanced error rate {ber}, area {area}", **days,
                 ber=_number(part["balanced_error_rate"]), area=_number(part["roc_auc"]))  # fmt: skip
    else:
        said = t("{start} to {end}, {n} lots: error {rmse} (of the mean {mean}), on average {bias} off, interval held "
                 "{share}", **days, rmse=_number(part["rmse"]), mean=_number(part["mean_rmse"]),
                 bias=f"{part['bias']:+.3g}", share=_share(part["interval_coverage"]))  # fmt: skip
    moved = ", ".join(_move(row) for row in part["moved"])
    return "; ".join([said, t("moved since: {columns}", columns=moved)]) if moved else said


def _move(row: Mapping[str, Any]) -> str:
    """Return how far a column moved: of a text the share of lots, else standard deviations."""
    if row["shares"] is not None:
        return f"{row['column']} {row['shares'][0]:.0%} → {row['shares'][1]:.0%}"
    return f"{row['column']} {row['shift']:+.1f}σ"


def suspected(rows: Sequence[Mapping[str, Any]], t: Translate) -> Iterator[str]:
    """Yield which columns may have come with the result, and why that is thought."""
    for row in rows:
        if "equals_result" in row:
            yield "  " + t("SUSPECT: {column} is the result {result} of the same sample: "
                           "name it `forbidden` in [[lots]] if it came with the result", column=row["column"],
                           result=row["equals_result"])  # fmt: skip
        elif "known_with_result" in row:
            yield "  " + t("SUSPECT: only lots that have a result have {column}: "
                           "name it `forbidden` in [[lots]] if it came with the result",
                           column=row["column"])  # fmt: skip
        elif row.get("is_text"):
            yield "  " + t("SUSPECT: the text {column} tells the result very well: name it `forbidden` in [[lots]] if "
                           "it came with the result, or among the `strata` if it was known before it",
                           column=row["column"])  # fmt: skip
        else:
            yield "  " + t("SUSPECT: {column} tells the result too well to have been known before it: "
                           "name it `forbidden` in [[lots]] if it came with the result",
                           column=row["column"])  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
