"""The shift hand-over: a golden page from a fixed ledger, and nothing open is missing from it.

`python -m tests.dashboard.test_handover` writes the golden pages anew; read what has changed before it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dash import html

from dashboard.handover import hand_over
from dashboard.pages import handover
from dashboard.source import Source
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Hold, Priority, Transition
from domain.audit import Action, Deed
from domain.points import Points
from domain.records import Decoded, Event, EventKind
from domain.shifts import Shift, planned, reported
from domain.text import LANGUAGES, catalogue, phrase
from store.scoring import ModelRow
from tests.dashboard.conftest import HOUR, LINE, NOW, PRESS, SILENT

GOLDEN = Path(__file__).parent / "golden"
SEOUL = ZoneInfo("Asia/Seoul")


def busy(source: Source) -> Source:
    """Return the small plant at a change of shift on a bad day."""
    returned = NOW - 2 * HOUR
    key = AlertKey("press-risk", SILENT, "score:press-failure")
    alert = Alert("b" * 16, key, AlertState.RETURNED_UNACKED, returned, None, returned, NOW, 0.95, 0.9, Priority.LOW, 2)
    rows = (
        Transition(alert.id, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, NOW - 9 * HOUR, 0.95, "", ""),
        Transition(alert.id, 1, Change.ACKNOWLEDGED, AlertState.ACTIVE_ACKED, NOW - 8 * HOUR, None, "lee", "valve <b>"),
        Transition(alert.id, 2, Change.RETURNED, AlertState.RETURNED_UNACKED, returned, 0.2, "", ""),
    )
    source.ledger.alerting.save([AlertUpdate(alert, rows)], {}, NOW)
    stop = Event(PRESS, EventKind.STOP, "jam", NOW - 3 * HOUR, NOW - 2.5 * HOUR, NOW - 3 * HOUR, "cleared by hand")
    failure = Event(LINE, EventKind.FAILURE, "", NOW - HOUR, None, NOW - HOUR)
    old = Event(LINE, EventKind.FAILURE, "F1", NOW - 90 * HOUR, NOW - 80 * HOUR, NOW - 90 * HOUR)
    source.ledger.records.apply("events", [Decoded(Points.from_rows(()), (stop, failure, old))])
    source.ledger.scoring.add_model(ModelRow("m3", "silica", "challenger", NOW - HOUR, {"report": {}}))
    source.ledger.scoring.add_model(ModelRow("m0", "silica", "challenger", NOW - 99 * HOUR, {"report": {}}))
    old_model = ModelRow("m1", "press-failure", "champion", NOW - 200 * HOUR, {"report": {}, "threshold": 0.9})
    source.ledger.scoring.add_model(old_model)
    ledger = source.ledger
    ledger.audit.save(Deed(NOW - 4 * HOUR, "kim", Action.RULE_CHANGED, "press-risk", "0.9", "0.8", "missed one"))
    ledger.audit.save(Deed(NOW - 4 * HOUR, "kim", Action.LOGGED_IN))
    ledger.save_job_run("keeping", NOW, "disk is full")
    shelved = Hold(AlertState.SHELVED, "lee", "waits for a spare valve", NOW - HOUR, NOW + HOUR)
    apart = Hold(AlertState.OUT_OF_SERVICE, "park", "sensor is being changed", NOW - 90 * HOUR, None)
    over = Hold(AlertState.SHELVED, "lee", "over", NOW - 9 * HOUR, NOW - HOUR)
    holds = {("press-risk", LINE): shelved, ("oil", PRESS): apart, ("oil", SILENT): over}
    source.ledger.alerting.save([], {}, NOW, holds)
    parent = AlertKey("oil-low", PRESS, "tag:oil")
    why = phrase("the alert of rule {rule} on {asset} is active", rule="main-trip", asset=PRESS)
    kept = Alert("c" * 16, parent, AlertState.SUPPRESSED, NOW, None, NOW, NOW, 9.0, 8.0, Priority.LOW, 1, cause=why)
    row = Transition(kept.id, 0, Change.RAISED_HELD, AlertState.SUPPRESSED, NOW, 9.0, "", why)
    source.ledger.alerting.save([AlertUpdate(kept, (row,))], {}, NOW)
    detectors = (*source.detectors, replace(source.detectors[0], name="untrained"))
    return replace(
        source,
        detectors=detectors,
        shifts=("06:00", "14:00", "22:00"),
        model_days=1,
        now=lambda: NOW + 25 * timedelta(minutes=1),
    )


def lines(tree: Any) -> Iterator[str]:
    """Yield what a page says, a row or a paragraph per line."""
    kind = type(tree).__name__
    if kind in ("Tr", "P", "Li", "H1", "H2", "Button", "Link"):
        cells = tree.children if kind == "Tr" else [tree]
        yield f"{'# ' if kind in ('H1', 'H2') else ''}{' | '.join(' '.join(texts(c)) for c in cells)}"
        return
    if kind == "Div" and getattr(tree, "className", "") == "figures":
        yield from (" ".join(texts(each)) for each in tree.children)
        return
    for each in children(tree):
        yield from lines(each)


def texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for each in children(tree):
        yield from texts(each)


def children(tree: Any) -> list[Any]:
    found = getattr(tree, "children", None)
    return list(found) if isinstance(found, (list, tuple)) else [] if found is None else [found]


def golden(source: Source, language: str) -> str:
    return "\n".join(lines(handover.layout(source, catalogue(language), language, {"span": "last"}))) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_fixed_ledger_is_the_golden_one(source: Source, language: str) -> None:
    assert golden(busy(source), language) == (GOLDEN / f"handover_{language}.txt").read_text(encoding="utf-8")


def test_nothing_open_is_missing(source: Source) -> None:
    made = []
    for i, (state, priority) in enumerate(product(AlertState, Priority)):
        key = AlertKey(f"rule{i}", PRESS, f"s{i}")
        at = NOW - timedelta(days=i)
        alert = Alert(f"{i:016x}", key, state, at, None, at, NOW, 1.0, 0.5, priority, 1)
        made += [alert] * (state not in (AlertState.PENDING, AlertState.CLOSED))
        source.ledger.alerting.save([AlertUpdate(alert)], {}, NOW)
    many = [
        Alert(f"m{i:015x}", AlertKey("flood", PRESS, f"f{i}"), AlertState.ACTIVE_UNACKED, NOW, None, NOW, NOW, 1.0, 0.5,
              Priority.LOW, 1)
        for i in range(1500)
    ]  # fmt: skip
    source.ledger.alerting.save([AlertUpdate(a) for a in many], {}, NOW)
    found = hand_over(source)
    shown = {x.alert.key.subject for x in found.open} | {x.subject for x in found.held}
    wanted = {a.key.subject for a in (*made, *many)} | {"score:press-failure"}
    assert shown == wanted
    text = "\n".join(lines(html.Div(handover.drawn(found, source, catalogue("en")))))
    assert len([x for x in text.splitlines() if x.startswith(("high |", "medium |", "low |"))]) == len(found.open)
    priorities = [x.alert.priority for x in found.open]
    assert priorities == sorted(priorities, key=list(Priority).index)


def test_a_shift_that_has_just_begun_is_told_of_the_one_before(source: Source) -> None:
    at = {"shifts": ("06:00", "14:00", "22:00")}  # NOW is 21:00 in Seoul
    assert hand_over(replace(source, **at)).since == NOW - 7 * HOUR
    later = replace(source, **at, now=lambda: NOW + 1.5 * HOUR)
    assert hand_over(later).since == NOW - 7 * HOUR
    assert hand_over(later, of_last=False).since == NOW + HOUR
    much_later = replace(source, **at, now=lambda: NOW + 2.5 * HOUR)
    assert hand_over(much_later).since == NOW + HOUR


def test_events_of_kind_shift_win_over_the_config(source: Source) -> None:
    shifts = [
        Event(LINE, EventKind.SHIFT, code, NOW - n * HOUR, None, NOW - n * HOUR) for code, n in (("A", 9), ("B", 3))
    ]
    source.ledger.records.apply("s", [Decoded(Points.from_rows(()), tuple(shifts))])
    found = hand_over(replace(source, shifts=("06:00",)))
    assert (found.shift, found.since) == (Shift("B", NOW - 3 * HOUR, None), NOW - 3 * HOUR)


def test_without_shifts_the_page_says_so(source: Source) -> None:
    text = golden(source, "en")
    assert "Nobody says when shifts begin" in text


def test_shifts_follow_each_other_over_a_change_of_the_clock() -> None:
    zone = ZoneInfo("Europe/Berlin")
    from datetime import UTC, datetime

    at, seen = datetime(2026, 3, 28, 12, tzinfo=UTC), set()
    while at < datetime(2026, 3, 30, 12, tzinfo=UTC):
        found = planned(("02:30", "14:00", "22:00"), zone, at)
        assert found is not None
        last, present = found
        assert last.end == present.start <= at
        assert present.end is not None
        assert at < present.end
        seen.add((present.start, present.end))
        at += timedelta(minutes=10)
    ordered = sorted(seen)
    assert all(a[1] == b[0] for a, b in pairwise(ordered))


def test_one_shift_a_day_and_none() -> None:
    found = planned(("06:00",), SEOUL, NOW)
    assert found is not None
    assert found[1].end is not None
    assert found[1].end - found[1].start == 24 * HOUR
    assert planned((), SEOUL, NOW) is None
    assert reported([], NOW) is None


def main() -> None:
    """Write the golden pages anew."""
    import tempfile

    from tests.dashboard.conftest import small_source

    with tempfile.TemporaryDirectory() as folder, small_source(Path(folder)) as source:
        full = busy(source)
        GOLDEN.mkdir(exist_ok=True)
        for language in LANGUAGES:
            (GOLDEN / f"handover_{language}.txt").write_text(golden(full, language), encoding="utf-8")


if __name__ == "__main__":
    main()
