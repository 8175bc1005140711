"""A trained model to lines for people: what it is, what its screening kept, and what each hypothesis carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.audit import Action
from domain.numerals import numeral
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
FAILURE_COURSE: Final = mark("Learners on the same folds; the simplest within noise of the best is taken:")
QUALITY_COURSE: Final[Mapping[str, str]] = {
    "regression": mark("Learners on the same later lots by their mean squared error, with what is taken:"),
    "classification": mark(
        "Learners on the same later lots by their loss (good and bad lots count alike), with what is taken:"
    ),
}
# apart from DEEDS, which the weekly report lists: a training by itself changes nothing
TRAINED: Final = mark("{at}: {by} trained model {new} of {subject}; {role}")
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
    yield t("out of fold: {figures}", figures=", ".join(f"{k} {numeral(v)}" for k, v in figures.items()))
    yield from promised(about.get("report", {}), t)
    if "choice" in about:
        choice = about["choice"]
        yield t("threshold {limit} chosen by {by}: {reason}", limit=f"{choice['threshold']:.4g}", by=choice["by"],
                reason=choice["reason"])  # fmt: skip
    yield ""
    yield from _leaderboard(about.get("report", {}), t)
    yield from _screening(about.get("screening"), t)
    yield ""
    yield from _hypotheses(about.get("hypotheses", ()), t)


def told(deed: Deed, t: Translate, zone: ZoneInfo) -> str:
    """Return one line on a training, a promotion, a rollback, a signature or a deletion."""
    at = f"{deed.at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    if deed.action == Action.TRAINED:
        role = t(ROLES[deed.reason]) if deed.reason in ROLES else printable(deed.reason)
        return t(TRAINED, at=at, by=printable(deed.by), subject=deed.subject, new=deed.new, role=role)
    return t(
        DEEDS[deed.action],
        at=at,
        by=printable(deed.by),
        subject=deed.subject,
        old=deed.old or "-",
        new=deed.new,
        reason=printable(deed.reason),
    )


def promised(report: Mapping[str, Any], t: Translate) -> Iterator[str]:
    """Yield what the threshold promises of unseen failures, and what could be promised at most where that is less."""
    promised, highest = report.get("promised_recall"), report.get("highest_promise")
    if promised is None or highest is None:
        return
    said = {"sure": f"{report['confidence']:.0%}", "n": report["n_events"]}
    if report["is_target_kept"]:
        yield t("promised: {target} of unseen failures are caught, said with {sure} from {n} failures",
                target=f"{report['target_recall']:.0%}", **said)  # fmt: skip
    else:
        yield t("NOT promised: {target}; {n} failures prove {promised} with {sure}, at most {highest}",
                target=f"{report['target_recall']:.0%}", promised=f"{promised:.0%}", highest=f"{highest:.0%}",
                **said)  # fmt: skip
    if not report["is_within_budget"]:
        yield t("the alarm budget cannot be kept by any threshold")


def cautions(report: Mapping[str, Any], t: Translate) -> Iterator[str]:
    """Yield which learners did not compete, which failures were not learned from, and which were warned of too early,
    with the reasons.
    """
    for learner, reason in report.get("not_competing", {}).items():
        yield t("{learner} did not compete: {reason}", learner=learner, reason=t(reason))
    if report.get("n_events_after_open_stop"):
        yield t("{n} failures were left out: they came after a stop or failure that has no end, the first {first}. "
                "Load events with their ends", n=report["n_events_after_open_stop"],
                first=report["first_after_open_stop"])  # fmt: skip
    if report.get("n_events_warned_early"):
        yield t("{n} of the missed were warned of before the horizon, which counts as false: failures show earlier "
                "than that, so a longer `horizon` would catch them", n=report["n_events_warned_early"])  # fmt: skip


def _leaderboard(report: Mapping[str, Any], t: Translate) -> Iterator[str]:
    """Yield what each learner was worth on the same folds, and which did not compete."""
    yield from cautions(report, t)
    rows: Sequence[Mapping[str, Any]] = report.get("leaderboard", ())
    if len(rows) < 2:
        return
    is_of_failures = "events_caught" in rows[0]
    heading = FAILURE_COURSE if is_of_failures else QUALITY_COURSE[report["task"]]
    yield t(heading)
    for row in rows:
        told = {
            "learner": row["learner"],
            "behind": f"{row['behind_best']:.3g}",
            "noise": f"{row['noise']:.3g}",
        }
        if is_of_failures:
            told |= {"caught": row["events_caught"], "n": row["events"], "false": row["false_alarms"]}
            line = t(
                "{learner}: {caught} of {n}, {false} false alarms, {behind} behind the best (noise {noise})", **told
            )
        else:
            line = t("{learner}: {loss}, {behind} behind the best (noise {noise})", loss=numeral(row["loss"]), **told)
        yield f"  {line}{'  <-' if row['is_taken'] else ''}"
    yield ""


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
