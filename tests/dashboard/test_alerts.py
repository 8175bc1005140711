"""The Alerts page: what each filter lists, what is told of one alert, and what people do with one or with many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dashboard.alerting import FILTERS, alert_view, listed, usable
from dashboard.console import page
from dashboard.pages import alerts as alerts_page
from dashboard.pages.alerts import attended, explained, panel, refreshed
from dashboard.source import Act, Doing, Source
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition
from domain.text import catalogue
from tests.dashboard.conftest import ALERT, NOW, PRESS, SILENT

EN, KO = catalogue("en"), catalogue("ko")
ONE = [{"id": ALERT}]


def add(source: Source, name: str, state: AlertState, priority: Priority = Priority.LOW, minutes: int = 10) -> None:
    at = NOW - timedelta(minutes=minutes)
    alert = Alert(name, AlertKey("press-risk", SILENT, name), state, at, None, at, NOW, 0.8125, 0.8, priority, 1)
    source.ledger.alerting.save(
        [AlertUpdate(alert, (Transition(name, 0, Change.RAISED, state, at, 0.81, "", ""),))], {}, NOW
    )


def state(source: Source, name: str = ALERT) -> AlertState:
    alert = source.ledger.alerting.alert(name)
    assert alert is not None
    return alert.state


def do(
    source: Source, act: Act, selected: list[dict[str, Any]] = ONE, by: str = "Kim", note: str = "", seen: int = 1
) -> str:
    doing = Doing(act, by, note, {row["id"]: seen for row in selected}, timedelta(hours=2))
    return attended(source, doing, selected, EN)[0]


def test_each_filter_lists_its_states_and_the_most_urgent_first(source: Source) -> None:
    states = {
        "low": AlertState.ACTIVE_UNACKED, "acked": AlertState.ACTIVE_ACKED, "latched": AlertState.LATCHED_UNACKED,
        "shelved": AlertState.SHELVED, "kept": AlertState.SUPPRESSED, "out": AlertState.OUT_OF_SERVICE,
        "closed": AlertState.CLOSED,
    }  # fmt: skip
    for name, each in states.items():
        add(source, name, each)
    found = {chosen: {a.id for a in listed(source, chosen).alerts} for chosen in FILTERS}
    assert found == {
        "open": {ALERT, "low", "acked", "latched"}, "unacknowledged": {ALERT, "low", "latched"}, "shelved": {"shelved"},
        "suppressed": {"kept"}, "out": {"out"}, "all": {ALERT, *states},
    }  # fmt: skip
    assert [a.id for a in listed(source, "open").alerts] == [ALERT, "latched", "low", "acked"]
    assert listed(source, "no such").counts == {"open": 4, "unacknowledged": 3, "shelved": 1, "suppressed": 1, "out": 1}


def test_the_link_of_a_message_shows_its_alert_whatever_the_filter(source: Source) -> None:
    add(source, "closed", AlertState.CLOSED)
    drawn = str(page(source, "/alerts", "?alert=closed&lang=en"))
    assert "selectedRows=[{'id': 'closed'" in drawn
    assert "81.25 %" in drawn
    assert "No alert is selected" not in drawn
    assert "No alert is selected" in str(page(source, "/alerts", "?alert=nosuch&lang=en"))


def test_an_alert_is_told_with_value_limit_story_and_who_did_what(source: Source) -> None:
    do(source, Act.COMMENT, note="the cooler is dirty")
    do(source, Act.ACKNOWLEDGE, by="Lee", note="on my way")
    view = alert_view(source, ALERT)
    assert view is not None
    assert [(row.change, row.by, row.note) for row in view.story] == [
        (Change.RAISED, "", ""),
        (Change.COMMENTED, "Kim", "the cooler is dirty"),
        (Change.ACKNOWLEDGED, "Lee", "on my way"),
    ]
    told = str(panel(source, ONE, EN, "en")[0])
    for part in (
        "Risk",
        PRESS,
        "99 %",
        "90 %",
        "2026-03-04 16:00 KST",
        "Kim",
        "the cooler is dirty",
        "Lee",
        "on my way",
    ):
        assert part in told, part


def test_a_shelved_alert_says_by_whom_why_and_until_when_and_comes_back(source: Source) -> None:
    assert do(source, Act.SHELVE) == "Give a reason, or a note, first."
    assert state(source) is AlertState.ACTIVE_UNACKED
    assert do(source, Act.SHELVE, note="sensor exchange") == f"Shelved by Kim: {PRESS}"
    assert state(source) is AlertState.SHELVED
    told = str(panel(source, ONE, EN, "en")[0])
    assert "shelved until 2026-03-04 23:00 KST by Kim: sensor exchange" in told
    assert "Kim 님이 2026-03-04 23:00 KST까지 보류함: sensor exchange" in str(panel(source, ONE, KO, "ko")[0])
    assert do(source, Act.UNSHELVE) == f"Unshelved by Kim: {PRESS}"
    assert state(source) is AlertState.ACTIVE_UNACKED


def test_out_of_service_and_back(source: Source) -> None:
    assert do(source, Act.OUT_OF_SERVICE, note="cooler removed") == f"Taken out of service by Kim: {PRESS}"
    assert state(source) is AlertState.OUT_OF_SERVICE
    assert do(source, Act.IN_SERVICE) == f"Put back in service by Kim: {PRESS}"
    assert state(source) is AlertState.ACTIVE_UNACKED


def test_what_was_raised_again_unseen_is_not_acknowledged(source: Source) -> None:
    alert = source.ledger.alerting.alert(ALERT)
    assert alert is not None
    assert do(source, Act.ACKNOWLEDGE, seen=0) == "the alert was raised again since (1 times by now): look at it again"
    assert state(source) is AlertState.ACTIVE_UNACKED


def test_a_refusal_is_said_in_the_persons_language(source: Source) -> None:
    do(source, Act.ACKNOWLEDGE)
    said, _ = attended(source, Doing(Act.ACKNOWLEDGE, "Kim", "", {ALERT: 1}), ONE, KO)
    assert said == "알림 상태: 활성, 확인됨. 확인할 것이 없습니다"


def test_a_flood_is_acknowledged_at_once_and_what_needs_none_is_left_alone(source: Source) -> None:
    names = [f"f{i:03}" for i in range(450)]
    for name in names:
        add(source, name, AlertState.ACTIVE_UNACKED)
    add(source, "acked", AlertState.ACTIVE_ACKED)
    selected = [{"id": name} for name in (*names, "acked")]
    told = str(panel(source, selected, EN, "en")[0])
    assert "451 alerts are selected" in told
    assert do(source, Act.ACKNOWLEDGE, selected, note="upset of the whole line") == "Acknowledged by Kim: 450 alerts"
    assert {state(source, name) for name in names} == {AlertState.ACTIVE_ACKED}
    assert len([d for d in source.ledger.audit.deeds() if d.action == "alert acknowledged"]) == 450
    assert source.ledger.audit.faults() == []
    assert do(source, Act.ACKNOWLEDGE, selected) == "There is nothing to do."


def test_buttons_are_off_where_nothing_can_be_done(source: Source) -> None:
    alert = source.ledger.alerting.alert(ALERT)
    assert alert is not None
    assert usable(alert, None, NOW) == {Act.ACKNOWLEDGE, Act.COMMENT, Act.SHELVE, Act.OUT_OF_SERVICE}
    off = panel(source, [], EN, "en")[1:-1]
    assert off == (True,) * len(Act)


def test_nothing_is_sent_to_the_browser_while_nothing_changes(source: Source) -> None:
    first = refreshed(source, "open", "", "", EN)
    assert [row["id"] for row in first[0]] == [ALERT]
    again = refreshed(source, "open", first[3], "", EN)
    assert all(x is alerts_page.no_update for x in again)
    do(source, Act.ACKNOWLEDGE)
    assert refreshed(source, "open", first[3], "", EN)[0][0]["state"] == "active, acknowledged"


def test_why_it_was_raised_is_said_or_why_not(source: Source) -> None:
    assert "pressure: +1.2 (ko)" in str(explained(source, ONE, "ko"))
    assert "더 설명할 수 없습니다: it is gone" in str(explained(source, [{"id": "x"}], "ko"))


@pytest.mark.parametrize("act", list(Act))
def test_without_a_name_nothing_is_done(source: Source, act: Act) -> None:
    assert do(source, act, by=" ", note="x") == "Give your name first."
    assert state(source) is AlertState.ACTIVE_UNACKED


def test_a_share_is_listed_and_told_in_percent_with_its_limit(source: Source) -> None:
    found = listed(source, "open")
    row = alerts_page.rows(source, found.alerts, EN)[0]
    assert (row["value"], row["limit"], row["unit"]) == (99.0, 90.0, "%")
    told = str(panel(source, ONE, EN, "en")[0])
    assert "99 %" in told
    assert "90 %" in told
