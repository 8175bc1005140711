"""A trained model to lines for people: what it is, what its screening kept, and what each hypothesis carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.text import Translate, mark, printable
from store.audit import Deed
from store.scoring import ModelRow

ROLES: Final[Mapping[str, str]] = {
    "champion": mark("champion: it scores"),
    "challenger": mark("challenger: it waits"),
    "retired": mark("retired"),
}
DEEDS: Final[Mapping[str, str]] = {
    "model promoted": mark("{at}: {by} promoted model {new} of {subject} in the place of {old}: {reason}"),
    "model rolled back": mark("{at}: {by} rolled {subject} back from model {old} to {new}: {reason}"),
    "model deleted": mark("{at}: {by} deleted model {old} of {subject}: {reason}"),
    "model signed": mark("{at}: {by} signed model {new} of {subject}: {reason}"),
}
MOST_FEATURES: Final = 30
MOST_NAMED: Final = 3


def shown(row: ModelRow, t: Translate, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of one model; times are shown in the plant's zone."""
    about = row.details
    yield f"{row.detector}  {row.model_id}  {t(ROLES[row.role]) if row.role in ROLES else row.role}"
    yield t(
        "trained {at} on {n} windows or lots, {start} to {end}; {m} features",
        at=f"{row.trained_at.astimezone(zone):%Y-%m-%d %H:%M %Z}",
        n=about.get("n_rows"),
        start=_day(about.get("trained_from"), zone),
        end=_day(about.get("trained_to"), zone),
        m=about.get("n_features"),
    )
    figures = {k: v for k, v in about.get("report", {}).items() if isinstance(v, int | float)}
    yield t("out of fold: {figures}", figures=", ".join(f"{k} {v:.4g}" for k, v in figures.items()))
    yield ""
    yield from _screening(about.get("screening"), t)
    yield ""
    yield from _hypotheses(about.get("hypotheses", ()), t)


def told(deed: Deed, t: Translate, zone: ZoneInfo) -> str:
    """Return one line on a promotion, a rollback, a signature or a deletion."""
    at = f"{deed.at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    return t(
        DEEDS[deed.action],
        at=at,
        by=printable(deed.by),
        subject=deed.subject,
        old=deed.old or "-",
        new=deed.new,
        reason=printable(deed.reason),
    )


def _screening(found: Mapping[str, Any] | None, t: Translate) -> Iterator[str]:
    if found is None:
        yield t("Screening: none, this detector takes every feature that varies")
        return
    if found["method"] == "stable":
        yield t(
            "Screening: {kept} of {tested} features were found in at least {share} of {n} halves of the history",
            kept=found["n_kept"],
            tested=found["n_tested"],
            share=f"{found['min_share']:.0%}",
            n=found["n_halves"],
        )
    else:
        yield t("Screening: {kept} of {tested} features are relevant", kept=found["n_kept"], tested=found["n_tested"])
    for each in found["features"][:MOST_FEATURES]:
        yield "  " + _feature(each, found["n_folds"], t)
    if len(found["features"]) > MOST_FEATURES:
        yield "  " + t("and {n} more: --json names them", n=len(found["features"]) - MOST_FEATURES)


def _feature(each: Mapping[str, Any], n_folds: int, t: Translate) -> str:
    in_folds = t("kept in {n} of {of} folds", n=each["folds_kept"], of=n_folds)
    stability = "" if each["stability"] is None else t("stability {share}", share=f"{each['stability']:.0%}") + ", "
    return f"{each['name']}: {stability}p = {each['p_value']:.2g}, {in_folds}"


def _hypotheses(rows: Sequence[Mapping[str, Any]], t: Translate) -> Iterator[str]:
    if not rows:
        yield t("No hypothesis is declared for this detector")
        return
    yield t("Hypotheses, by their share of what moves the score:")
    for row in rows:
        place = f"{row['rank']}." if row["rank"] else "-"
        kept = t("{kept} of {n} features kept", kept=len(row["survived"]), n=row["n_features"])
        yield f"  {place} {row['name']}: {row['share']:.0%} ({kept})"
        yield f"     {row['statement']}"
        named = ", ".join(row["survived"][:MOST_NAMED])
        if not row["survived"]:
            yield "     " + t("nothing in the history speaks for it")
        else:
            yield f"     {named}" + (", ..." if len(row["survived"]) > MOST_NAMED else "")


def _day(at: str | None, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d}" if at else ""
