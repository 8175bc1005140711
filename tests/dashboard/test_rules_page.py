"""The pages Rules and Alarm figures: a change is tried before it is made, signed, and said in the person's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from alerts.advice import Advice, Figures
from alerts.performance import Burden, Grade, Performance
from benchmarks.access_walks import IdleWorkshop
from dashboard.console import page
from dashboard.pages import alarm_figures, rules
from dashboard.source import Source
from domain.alerting import Priority
from domain.errors import RecordError
from domain.text import catalogue, phrase
from tests.dashboard.conftest import NOW

EN, KO = catalogue("en"), catalogue("ko")


class Workshop(IdleWorkshop):
    def __init__(self, why: str = "", then: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._why, self._then = why, then or {}

    def tried(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._why:
            raise RecordError("it cannot be changed so: {why}", why=self._why)
        found = dict(super().tried(asked))
        return {**found, "then": {**found["then"], **self._then}}

    def figures(self, days: float) -> Figures:
        load = Burden(30, 1.0, 2.5, 14, 1, 0.02)
        mix = {Priority.HIGH: 0.5, Priority.MEDIUM: 0.5, Priority.LOW: 0.0}
        own = Performance("shop", load, 0.0, (), (("a", "b"),), 3, 0, mix, 0, ("per_10_min", "most_in_10_min"))
        why = phrase("it lasts less than {delay}, nine times of ten", delay="5min")
        advised = Advice("press-risk", "plant/press-1", "on_delay", "5min", why)
        grades = (Grade("plant/press-1", "D", 4, 3, 5), Grade("plant/line-1", "A", 0, 0, 0))
        return Figures(NOW - timedelta(days=days), NOW, (own,), grades, (advised,))


def of(source: Source, workshop: Workshop) -> Source:
    return replace(source, workshop=workshop)


def asked(**wanted: str) -> dict[str, Any]:
    now = {"raise": "80.0", "on_delay": "1min"}
    told = {key: {**now, **wanted}.get(key, "") for key in rules.FIELDS}
    return {"rule": "press-risk", "was": now, "wanted": told, "days": 90}


def test_only_what_differs_is_asked_for_and_written_as_toml(source: Source) -> None:
    given = asked(on_delay="10min")
    found = rules.changed(source, "press-risk", given["was"], given["wanted"] | {"raise": "85"}, EN)
    assert found == [["press-risk", "raise", "85"], ["press-risk", "on_delay", '"10min"']]
    assert rules.done(source, asked(), None, EN)[0] == "Nothing is changed: all fields are as the rule has them."


def test_what_a_colleague_has_changed_since_the_page_was_opened_stays(source: Source) -> None:
    given = asked(on_delay="10min")
    was, wanted = given["was"] | {"raise": "90.0"}, given["wanted"] | {"raise": "90.0"}
    assert rules.changed(source, "press-risk", was, wanted, EN) == [["press-risk", "on_delay", '"10min"']]


def test_a_try_shows_alerts_stops_and_load_now_against_then_and_saves_nothing(source: Source) -> None:
    workshop = Workshop()
    told, result = rules.done(of(source, workshop), asked(on_delay="10min"), None, EN)
    assert told == "Tried on the last 90 days. Nothing is changed yet."
    for part in ("'3'", "'1'", "2 / 2", "alerts a day for shop", "alerts of Risk"):
        assert part in str(result), part
    assert workshop.saved_as == []


def test_a_stop_that_would_be_missed_is_said(source: Source) -> None:
    _, result = rules.done(of(source, Workshop(then={"n_caught": 1})), asked(on_delay="10min"), None, KO)
    assert "지금은 잡아내는 정지를 놓치게 됩니다." in str(result)


def test_a_change_is_saved_with_name_and_reason_or_not_at_all(source: Source) -> None:
    workshop = Workshop()
    own = of(source, workshop)
    assert rules.done(own, asked(on_delay="10min"), ("", "x"), EN)[0] == "Give your name first."
    assert rules.done(own, asked(on_delay="10min"), ("Kim", " "), EN)[0] == "Say why first: the history keeps it."
    assert workshop.saved_as == []
    assert "Saved as change 1" in rules.done(own, asked(on_delay="10min"), ("Kim", "summer"), EN)[0]
    wanted = {"settings": [["press-risk", "on_delay", '"10min"']], "days": 90}
    assert workshop.saved_as == [(wanted, "Kim", "summer")]


def test_taking_back_names_a_change(source: Source) -> None:
    workshop = Workshop()
    own = of(source, workshop)
    assert "Give the number" in rules.done(own, {"undo": None, "days": 30}, ("Kim", "x"), EN)[0]
    rules.done(own, {"undo": 7, "days": 30}, ("Kim", "autumn"), EN)
    assert workshop.saved_as == [({"undo": 7, "days": 30}, "Kim", "autumn")]


def test_what_cannot_be_changed_says_why_in_the_persons_language(source: Source) -> None:
    told, _ = rules.done(of(source, Workshop("raise is below low")), asked(on_delay="10min"), None, KO)
    assert told == "그렇게 바꿀 수 없습니다: raise is below low"


def test_an_address_of_advice_fills_the_form(source: Source) -> None:
    drawn = str(page(source, "/alerts/rules", "?rule=press-risk&key=on_delay&value=5min"))
    assert "id='rules-on_delay', value='5min'" in drawn or "value='5min', id='rules-on_delay'" in drawn


def test_figures_stand_beside_their_goals_and_advice_beside_its_proof(source: Source) -> None:
    workshop = Workshop()
    own = of(source, workshop)
    drawn = str(alarm_figures.body(workshop.figures(30), own, EN, "en"))
    assert "Position: shop" in drawn
    assert drawn.count("'not met'") == 2
    assert drawn.count("'met'") == len(alarm_figures.NAMES) - 2
    assert "it lasts less than 5min, nine times of ten" in drawn
    assert "/alerts/rules?rule=press-risk&key=on_delay&value=5min" in drawn
    assert "grade A" in str(alarm_figures.grades(workshop.figures(30), EN))
    proof = str(alarm_figures.proofs(own, 30, EN))
    assert "3 → 1" in proof
    assert "'worth it'" in proof
    assert "'not worth it'" in str(alarm_figures.proofs(of(source, Workshop(then={"n_caught": 0})), 30, EN))
