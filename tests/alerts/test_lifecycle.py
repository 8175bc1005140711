"""The life of an alert. Raise limit 10, clear limit 8, one sample a minute."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.following import follow
from alerts.lifecycle import Sample, acknowledge, advance, is_breach, limits_of
from domain.alerting import Alert, AlertState, AlertUpdate, Change, Condition, Rule, Transition, alert_id
from domain.limits import Limits
from tests.alerts.examples import KEY, LIMITS, at, raised, rule, samples

PENDING, UNACKED, ACKED = AlertState.PENDING, AlertState.ACTIVE_UNACKED, AlertState.ACTIVE_ACKED
RETURNED, CLOSED = AlertState.RETURNED_UNACKED, AlertState.CLOSED


def run(
    alert: Alert | None, *values: float | None, first: float = 0, delay: float = 0, n: int = 0
) -> list[AlertUpdate]:
    return follow(alert, samples(*values, first=first), LIMITS, rule(delay), KEY, n)


def story(updates: list[AlertUpdate]) -> list[tuple[Change, datetime]]:
    return [(row.change, row.at) for update in updates for row in update.transitions]


def test_normal_values_make_no_alert() -> None:
    assert run(None, 1, 9.99, 5) == []


def test_breach_raises_at_once_without_a_delay() -> None:
    (update,) = run(None, 9, 10)
    assert update.alert == raised(
        id=alert_id(KEY, at(1)), breach_since=at(1), raised_at=at(1), last_at=at(1), value=10.0
    )
    assert update.transitions == (Transition(update.alert.id, 0, Change.RAISED, UNACKED, at(1), 10.0, "", ""),)


def test_breach_waits_for_the_on_delay() -> None:
    (update,) = run(None, 10, 10, delay=2)
    assert update.alert.state is PENDING
    assert update.alert.id == ""
    assert update.transitions == ()


def test_breach_of_exactly_the_on_delay_raises() -> None:
    (update,) = run(None, 10, 10, 12, delay=2)
    assert story([update]) == [(Change.RAISED, at(2))]
    assert (update.alert.breach_since, update.alert.raised_at, update.alert.value) == (at(0), at(2), 12.0)
    assert update.alert.id == alert_id(KEY, at(2))


def test_spike_shorter_than_the_delay_is_dropped() -> None:
    updates = run(None, 10, 10, 5, delay=2)
    assert [u.is_dropped for u in updates] == [True]
    assert story(updates) == []


def test_pending_alert_is_dropped_below_the_raise_limit() -> None:
    updates = run(None, 10, 9, 10, 10, 10, delay=2)
    assert [u.is_dropped for u in updates] == [True, False]
    assert story(updates) == [(Change.RAISED, at(4))]
    assert updates[1].alert.breach_since == at(2)


def test_pending_alert_goes_on_in_the_next_batch() -> None:
    (first,) = run(None, 10, 10, delay=3)
    (second,) = run(first.alert, 10, 10, first=2, delay=3)
    assert story([second]) == [(Change.RAISED, at(3))]
    assert second.alert.breach_since == at(0)


def test_alert_stays_active_between_the_limits() -> None:
    (update,) = run(None, 10, 9, 8, 8.5)
    assert update.alert.state is UNACKED
    assert update.alert.last_at == at(3)
    assert len(update.transitions) == 1


def test_alert_returns_below_the_clear_limit_and_waits_for_its_acknowledgement() -> None:
    (update,) = run(None, 10, 7.99)
    assert update.alert.state is RETURNED
    assert update.transitions[1] == Transition(update.alert.id, 1, Change.RETURNED, RETURNED, at(1), 7.99, "", "")


def test_value_and_limit_stay_those_of_the_raise() -> None:
    (update,) = run(None, 10, 15, 7)
    assert (update.alert.value, update.alert.limit) == (10.0, 10.0)


def test_raise_after_the_return_is_a_new_occurrence_of_the_same_alert() -> None:
    (update,) = run(None, 10, 7, 9, 11)
    assert story([update]) == [(Change.RAISED, at(0)), (Change.RETURNED, at(1)), (Change.RE_RAISED, at(3))]
    assert {row.alert_id for row in update.transitions} == {update.alert.id}
    assert [row.sequence for row in update.transitions] == [0, 1, 2]
    assert (update.alert.occurrences, update.alert.value) == (2, 11.0)
    assert (update.alert.raised_at, update.alert.id) == (at(0), alert_id(KEY, at(0)))


def test_raise_after_the_return_waits_for_the_on_delay_too() -> None:
    (first,) = run(None, 10, 10, 10, 7, 10, 10, delay=2)
    assert first.alert.state is RETURNED
    (second,) = run(first.alert, 10, first=6, delay=2, n=2)
    assert story([second]) == [(Change.RE_RAISED, at(6))]


def test_spike_after_the_return_starts_no_occurrence() -> None:
    (update,) = run(None, 10, 10, 10, 7, 10, 7, 10, delay=2)
    assert update.alert.state is RETURNED
    assert update.alert.occurrences == 1


def test_acknowledged_alert_closes_when_it_returns() -> None:
    (update,) = run(raised(state=ACKED), 7, first=1, n=2)
    assert update.alert.state is CLOSED
    assert update.transitions == (Transition(update.alert.id, 2, Change.RETURNED, CLOSED, at(1), 7, "", ""),)


def test_alert_after_a_closed_one_is_a_new_alert() -> None:
    closed, fresh = run(raised(state=ACKED), 7, 12, first=1, n=2)
    assert closed.alert.state is CLOSED
    assert fresh.alert.state is UNACKED
    assert fresh.alert.id == alert_id(KEY, at(2)) != closed.alert.id
    assert (fresh.alert.occurrences, fresh.alert.breach_since) == (1, at(2))
    assert [row.sequence for row in fresh.transitions] == [0]
    assert {row.alert_id for row in fresh.transitions} == {fresh.alert.id}


def test_transitions_go_on_counting_from_the_batch_before() -> None:
    (first,) = run(None, 10, 7)
    (second,) = run(first.alert, 10, 7, first=2, n=len(first.transitions))
    assert [row.sequence for row in second.transitions] == [2, 3]


def test_samples_not_newer_than_the_last_are_ignored() -> None:
    alert = raised(last_at=at(5))
    assert run(alert, 1, 1, 1, first=3) == []
    (update,) = run(alert, 1, 1, 1, 9, first=3)
    assert (update.alert.state, update.alert.last_at) == (UNACKED, at(6))


@pytest.mark.parametrize("state", [PENDING, UNACKED, ACKED, RETURNED], ids=lambda s: s.value)
def test_sample_without_a_value_keeps_the_state(state: AlertState) -> None:
    assert run(raised(state=state, pending_since=at(0)), None, first=1) == []


def test_gap_without_values_does_not_end_a_breach() -> None:
    (update,) = run(None, 10, None, 10, delay=2)
    assert story([update]) == [(Change.RAISED, at(2))]


def test_low_limits_raise_below() -> None:
    low = rule(condition=Condition.LOW, raise_at=2.0, clear_at=3.0)
    limits = limits_of(low, None)
    assert limits is not None
    (update,) = follow(None, samples(5, 2, 2.5, 3.5), limits, low, KEY, 0)
    assert story([update]) == [(Change.RAISED, at(1)), (Change.RETURNED, at(3))]


def test_rule_with_limits_does_not_look_at_the_model() -> None:
    assert limits_of(rule(), (0.5, 0.4)) == Limits(10.0, 8.0, 1)


def test_rule_of_the_model_takes_the_models_limits() -> None:
    model = rule(raise_at=None, clear_at=None)
    assert limits_of(model, (0.5, 0.4)) == Limits(0.5, 0.4, 1)
    assert limits_of(model, None) is None


@pytest.mark.parametrize(
    ("state", "expected"), [(PENDING, False), (UNACKED, True), (ACKED, True), (RETURNED, False)], ids=str
)
def test_state_decides_which_limit_counts(state: AlertState, expected: bool) -> None:
    assert is_breach(LIMITS, 9.0, raised(state=state)) is expected


def test_return_without_a_value_says_why() -> None:
    update = advance(raised(), False, Sample(at(3), None), 10.0, rule(), KEY, "the asset stopped")
    assert update is not None
    assert update.transitions[0].note == "the asset stopped"
    assert update.transitions[0].value is None
    assert update.alert.state is RETURNED


@pytest.mark.parametrize(("before", "after"), [(UNACKED, ACKED), (RETURNED, CLOSED)], ids=lambda s: s.value)
def test_acknowledgement(before: AlertState, after: AlertState) -> None:
    update = acknowledge(raised(state=before), "kim", at(9), "on my way", 4)
    assert update.alert == raised(state=after, acked_by="kim", acked_at=at(9))
    assert update.transitions == (
        Transition(update.alert.id, 4, Change.ACKNOWLEDGED, after, at(9), None, "kim", "on my way"),
    )


@pytest.mark.parametrize("state", [PENDING, ACKED, CLOSED], ids=lambda s: s.value)
def test_nothing_to_acknowledge_is_refused(state: AlertState) -> None:
    with pytest.raises(ValueError, match="nothing to acknowledge"):
        acknowledge(raised(state=state), "kim", at(9), "", 1)


@pytest.mark.parametrize("name", ["", "  ", "\t\n"])
def test_acknowledgement_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        acknowledge(raised(), name, at(9), "", 1)


def test_acknowledgement_says_which_state_it_was_made_from() -> None:
    assert acknowledge(raised(state=RETURNED), "kim", at(9), "", 4).seen is RETURNED


def test_first_change_says_which_stored_state_it_was_made_from() -> None:
    closed, fresh = run(raised(state=ACKED), 7, 12, first=1, n=2)
    assert (closed.seen, fresh.seen) == (ACKED, None)
    (new,) = run(None, 12)
    assert new.seen is None


@dataclass
class Reference:
    """The same life told another way: two memories (is it there, was it seen) and a stop-watch."""

    delay: float
    minute: float = -1
    is_there: bool = False
    is_open: bool = False
    is_seen: bool = False
    watch: float | None = None
    story: list[tuple[str, float]] = field(default_factory=list)

    def sample(self, minute: float, value: float | None) -> None:
        if value is None:
            return
        if self.is_there:
            if value < 8:
                self.is_there = False
                self.story.append(("returned to normal", minute))
                self.is_open = not self.is_seen
            return
        if value < 10:
            self.watch = None
            return
        if self.watch is None:
            self.watch = minute
        if minute - self.watch >= self.delay:
            self.story.append(("raised again" if self.is_open else "raised", minute))
            self.watch, self.is_there, self.is_open, self.is_seen = None, True, True, False

    def acknowledge(self) -> bool:
        if not self.is_open or self.is_seen:
            return False
        self.is_seen = True
        if not self.is_there:
            self.is_open, self.watch = False, None
        return True


values = st.none() | st.sampled_from([5.0, 7.99, 8.0, 9.0, 10.0, 12.0])
steps = st.lists(values | st.just("ack"), max_size=30)


@given(steps, st.integers(0, 3))
def test_any_sequence_agrees_with_the_reference(sequence: list[float | str | None], delay: int) -> None:
    reference, alert, n = Reference(delay), None, 0
    told: list[tuple[str, float]] = []
    ids: dict[str, datetime] = {}
    for minute, step in enumerate(sequence):
        if step == "ack":
            if reference.acknowledge():
                assert alert is not None
                alert = acknowledge(alert, "kim", at(minute), "", n).alert
                n += 1
            else:
                with pytest.raises(ValueError, match="nothing to acknowledge"):
                    acknowledge(alert or raised(state=CLOSED), "kim", at(minute), "", n)
        else:
            assert step is None or isinstance(step, float)
            reference.sample(minute, step)
            for update in follow(alert, [Sample(at(minute), step)], LIMITS, rule(delay), KEY, n):
                told += [(row.change.value, (row.at - at(0)) / timedelta(minutes=1)) for row in update.transitions]
                assert [row.sequence for row in update.transitions] == list(range(n, n + len(update.transitions)))
                alert, n = update.alert, n + len(update.transitions)
                if alert.id:
                    assert ids.setdefault(alert.id, alert.breach_since) == alert.breach_since
                if update.is_dropped:
                    alert, n = None, 0
        if alert is not None and alert.state is CLOSED:
            alert, n = None, 0
        assert told == reference.story
        assert (alert is not None and alert.state.is_active) == reference.is_there
        assert (alert is not None and alert.state.is_open) == reference.is_open


@given(st.lists(values, max_size=25), st.integers(0, 3), st.booleans())
def test_one_batch_tells_the_same_as_one_by_one(sequence: list[float | None], delay: int, is_acked: bool) -> None:
    start = raised(state=ACKED, last_at=at(-1)) if is_acked else None
    made: Rule = rule(delay)
    at_once = follow(start, samples(*sequence), LIMITS, made, KEY, 1 if is_acked else 0)
    alert, n = start, 1 if is_acked else 0
    rows: list[Transition] = []
    ended: list[Alert] = []
    for sample in samples(*sequence):
        for update in follow(alert, [sample], LIMITS, made, KEY, n):
            rows += update.transitions
            alert, n = update.alert, n + len(update.transitions)
            if update.is_dropped or alert.state is CLOSED:
                ended.append(alert)
                alert, n = None, 0
    present = [] if alert is None or (alert == start and not at_once) else [alert]
    assert [row for update in at_once for row in update.transitions] == rows
    assert [update.alert for update in at_once] == ended + present
