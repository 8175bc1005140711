"""The queue of waiting records: what was put in comes out, and its items are counted by source and hour."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from store.segments import Place
from store.waiting import HOUR_NS, Waiting, hour_of

places = st.builds(
    Place,
    segment=st.integers(1, 2**31),
    offset=st.integers(0, 2**40),
    length=st.integers(1, 2**31),
    sequence=st.integers(1, 2**60),
    total=st.integers(0, 2**60),
    n_items=st.integers(1, 2**31),
    at=st.integers(0, 2**62),
    source=st.sampled_from(["mqtt", "dump:센서", ""]),
)


@given(st.lists(places, max_size=20), st.integers(0, 20))
def test_first_in_first_out_with_exact_counts(found: list[Place], n_out: int) -> None:
    waiting = Waiting(found)
    n_out = min(n_out, len(found))
    assert [waiting.popleft() for _ in range(n_out)] == found[:n_out]
    left = found[n_out:]
    assert (list(waiting), len(waiting), bool(waiting)) == (left, len(left), bool(left))
    counts: Counter[tuple[str, int]] = Counter()
    for place in left:
        counts[place.source, hour_of(place)] += place.n_items
    assert waiting.counts == counts
    if left:
        assert (waiting.oldest, waiting.newest) == (left[0], left[-1])


def test_hour_is_the_start_of_the_hour() -> None:
    place = Place(1, 0, 10, 1, 1, 1, 5 * HOUR_NS + 7, "mqtt")
    assert hour_of(place) == 5 * HOUR_NS
