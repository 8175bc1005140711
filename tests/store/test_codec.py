"""Items to journal bytes and back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.points import Point, Points, Quality
from domain.records import Decoded, Event, EventKind, Lot, Reason, Rejected
from store import codec
from tests.store.items import FULL, NO_POINTS, at


def test_points_come_back_equal_with_null_and_text() -> None:
    assert codec.read(codec.write(FULL)).points.rows() == FULL.points.rows()


def test_events_lots_and_results_come_back_equal() -> None:
    back = codec.read(codec.write(FULL))
    assert (back.events, back.lots, back.results) == (FULL.events, FULL.lots, FULL.results)


def test_rejected_items_come_back_equal() -> None:
    assert codec.read(codec.write(FULL)).rejected == FULL.rejected


def test_half_a_character_in_a_rejected_topic_does_not_stop_the_others() -> None:
    odd = Rejected("mqtt", "a/\ud800", Reason.TOPIC, "odd", b"\xff\x00", "part")
    back = codec.read(codec.write(replace(FULL, rejected=(odd,))))
    assert (back.rejected[0].topic, back.rejected[0].payload) == ("a/?", b"\xff\x00")


def test_message_without_points() -> None:
    back = codec.read(codec.write(replace(FULL, points=NO_POINTS)))
    assert len(back.points) == 0
    assert back.events == FULL.events


@given(
    st.lists(
        st.builds(
            Point,
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.integers(0, 2**62),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.integers(0, 2),
            st.integers(0, 31),
            st.just(5),
        ),
        max_size=5,
    )
)
def test_any_points_come_back_equal(rows: list[Point]) -> None:
    before = Points.from_rows(rows)
    assert codec.read(codec.write(Decoded(before))).points.rows() == before.rows()


@given(st.text(), st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_any_text_that_a_record_may_hold_comes_back_equal(code: str, note: str, values: dict[str, float]) -> None:
    record = Decoded(
        NO_POINTS,
        (Event("a", EventKind.ALARM, code, at(0), None, at(0), note),),
        (Lot("l", code, None, None, at(0), values),),
    )
    back = codec.read(codec.write(record))
    assert (back.events, back.lots) == (record.events, record.lots)


def test_texts_of_a_lot_come_back_equal_and_a_lot_of_an_earlier_release_has_none() -> None:
    told = Decoded(NO_POINTS, lots=(Lot("l", "L1", None, None, at(0), {"feed": 1.0}, {"product": "A"}),))
    assert codec.read(codec.write(told)).lots == told.lots
    earlier = codec.write_records(told).replace(', {"product": "A"}', "")
    assert codec.read_records(earlier).lots == (Lot("l", "L1", None, None, at(0), {"feed": 1.0}),)


def test_null_value_keeps_quality_bad() -> None:
    back = codec.read(codec.write(FULL)).points.rows()
    assert (back[1].value, back[1].text, back[1].quality) == (None, "off", Quality.BAD)


def test_records_come_back_equal_from_their_json_whatever_their_texts() -> None:
    odd = replace(FULL, events=(*FULL.events, replace(FULL.events[0], note="\ud800\0")))
    back = codec.read_records(codec.write_records(odd).encode())
    assert (back.events, back.lots, back.results, len(back.points)) == (odd.events, odd.lots, odd.results, 0)
