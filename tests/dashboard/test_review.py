"""What warnings were worth on the console: what waits stands first, a tap is kept, and stops without one are told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.pages.review import WORTHS, drawn, reviewed, rows
from dashboard.scored import scored
from dashboard.source import Source
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Priority
from domain.rulings import Ruling, Worth, newest
from domain.text import LANGUAGES, catalogue, phrase
from reports.ruling import EXCUSES, NOTHING, PREVENTIONS, EventKind
from reports.unwarned import Cause
from store.rulings import AutopsyRow
from tests.dashboard.conftest import ALERT, HOUR, NOW, PRESS

EN = catalogue("en")
RAISED = NOW - 5 * HOUR


def older(source: Source, name: str, hours: float) -> None:
    """Store a closed alert of the past."""
    at = NOW - timedelta(hours=hours)
    key = AlertKey("press-risk", PRESS, "score:press-failure")
    alert = Alert(name, key, AlertState.CLOSED, at, None, at, at, 0.9, 0.8, Priority.HIGH, 1)
    source.ledger.alerting.save([AlertUpdate(alert)], {}, NOW)


def asking(alert: str, hours: float) -> Ruling:
    at = NOW - timedelta(hours=hours)
    why = phrase(PREVENTIONS[EventKind.MAINTENANCE], at=at.isoformat())
    return Ruling(alert, at, Worth.UNCLEAR, NOW, because=why, acted_at=at)


def test_what_waits_for_a_person_stands_first_and_the_rest_says_why(source: Source) -> None:
    for name, hours in (("b", 60), ("c", 40)):
        older(source, name, hours)
    why = phrase(EXCUSES[EventKind.MODE], at=(NOW - 41 * HOUR).isoformat())
    source.ledger.rulings.add([asking("b", 60), Ruling("c", NOW - 40 * HOUR, Worth.EXCUSED, NOW, because=why)])
    shown = rows(scored(source), source, EN)
    assert [(r["id"], r["worth"]) for r in shown] == [("b", "please say"), (ALERT, "not known yet"), ("c", "excused")]
    assert shown[2]["why"] == "a change of the operating mode at 2026-03-03 04:00 KST explains it"
    assert {r["by"] for r in shown} == {"rule of events", ""}


@pytest.mark.parametrize("worth", [Worth.HIT, Worth.FALSE, Worth.UNCLEAR])
def test_a_tap_is_kept_with_cause_finding_and_name(source: Source, worth: Worth) -> None:
    source.ledger.rulings.add([asking(ALERT, 5)])
    row = {"id": ALERT, "asset": PRESS}
    said = reviewed(source, [row], worth, ("seal", "it was cracked", " Kim "), EN)
    assert said == f"{WORTHS[worth]}: {PRESS}, said by Kim"
    kept = newest(source.ledger.rulings.all())[ALERT]
    assert (kept.worth, kept.by, kept.cause, kept.found, kept.asks) == (worth, "Kim", "seal", "it was cracked", False)
    (shown,) = rows(scored(source), source, EN)
    assert (shown["worth"], shown["why"], shown["by"]) == (WORTHS[worth], "seal; it was cracked", "Kim")


def test_without_a_row_or_a_name_nothing_is_kept_and_a_refusal_is_told(source: Source) -> None:
    assert reviewed(source, [], Worth.HIT, ("", "", "Kim"), EN) == "Select a warning first."
    assert reviewed(source, [{"id": ALERT}], Worth.HIT, ("", "", " "), EN) == "Give your name first."
    assert "no alert 'x'" in reviewed(source, [{"id": "x"}], Worth.HIT, ("", "", "Kim"), EN)
    assert source.ledger.rulings.all() == []


def test_the_share_that_was_true_is_that_of_the_ledger(source: Source) -> None:
    for i, worth in enumerate([Worth.HIT, Worth.HIT, Worth.HIT, Worth.FALSE, Worth.EXCUSED, Worth.UNCLEAR]):
        older(source, f"a{i}", 30 + i)
        source.ledger.rulings.add([Ruling(f"a{i}", NOW - (30 + i) * HOUR, worth, NOW, because=phrase(NOTHING))])
    found = scored(source)
    assert found.precision == 3 / 4
    assert found.n_asking == 1
    assert "75 %" in str(drawn(found, source, EN))


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_stop_without_a_warning_is_told_with_its_reason(source: Source, language: str) -> None:
    t = catalogue(language)
    assert t("Every stop of the last 90 days was warned of.") in str(drawn(scored(source), source, t))
    hole = {"tag": "oil", "coverage": 0.25, "start": RAISED.isoformat(), "end": NOW.isoformat()}
    evidence = {
        "run_up": [], "moved": [], "missing": [hole], "assessed": 0.2, "peak": None, "usual": None, "rarity": None,
        "would_catch": None, "now": None, "alert_at": None, "n_normal": 40,
    }  # fmt: skip
    row = AutopsyRow(PRESS, NOW - HOUR, "seal", "press-failure", NOW, Cause.GAP.value, evidence)
    source.ledger.rulings.add_autopsies([row])
    said = str(drawn(scored(source), source, t))
    assert t("a gap in the data") in said
    assert "oil: " in said
    assert "25%" in said
    assert "2026-03-04 16:00 KST" in said
