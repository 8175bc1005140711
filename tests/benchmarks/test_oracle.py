"""The judge finds what is missing, made up, changed and doubled, and nothing where nothing is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.oracle import START_NS, Judgement, Stream, judge, table_hash, value_of
from domain.points import Points
from domain.records import Tally

STREAM = Stream(width=2, n_tags=4)
N_MESSAGES = 6
ALL = np.ones(N_MESSAGES, dtype=bool)


def stored(drop: tuple[int, ...] = (), change: tuple[int, ...] = (), double: tuple[int, ...] = ()) -> list[Points]:
    """Return what a store holds of the stream, by tag, with faults at the named ids."""
    ids = np.array([i for i in range(N_MESSAGES * STREAM.width) if i not in drop] + list(double))
    values = value_of(ids) + np.isin(ids, change)
    at = START_NS + ids // STREAM.n_tags * STREAM.step_ns
    received_at = at + 2_000_000_000
    found = Points.of([STREAM.tag_ids[i % STREAM.n_tags] for i in ids], at, values, received_at=received_at)
    return [found.take(ids % STREAM.n_tags == tag) for tag in range(STREAM.n_tags)]


def judged(points: list[Points], acked: np.ndarray = ALL, tallies: tuple[Tally, ...] = ()) -> Judgement:
    return judge(STREAM, acked, enumerate(points), tallies)


def test_a_message_says_what_its_ids_stand_for() -> None:
    body = json.loads(STREAM.payload(3))
    assert body["at"] == START_NS + STREAM.step_ns
    assert body["values"] == {"t002": value_of(np.array([6]))[0], "t003": value_of(np.array([7]))[0]}
    assert (body["oracle_id"], body["seq"]) == (6, 3)


def test_another_version_has_other_values_for_the_same_keys() -> None:
    first, second = (json.loads(STREAM.payload(3, version)) for version in (0, 1))
    assert first["at"] == second["at"]
    assert first["values"].keys() == second["values"].keys()
    assert all(first["values"][name] != second["values"][name] for name in first["values"])


def test_a_whole_store_is_clean() -> None:
    found = judged(stored())
    assert found.is_clean
    assert (found.issued, found.acked, found.stored) == (12, 12, 12)


def test_a_missing_value_is_named() -> None:
    found = judged(stored(drop=(5, 7)))
    assert (found.missing, found.missing_ids) == (2, (5, 7))
    assert not found.is_clean


def test_what_the_broker_did_not_acknowledge_is_not_owed() -> None:
    acked = ALL.copy()
    acked[2] = False
    assert judged(stored(drop=(4, 5)), acked).is_clean
    assert judged(stored(drop=(4, 6)), acked).missing_ids == (6,)


def test_what_is_known_to_be_in_the_dead_letter_is_not_missing() -> None:
    points = stored(drop=(4,))
    assert judge(STREAM, ALL, enumerate(points), excused=np.array([4])).is_clean


@pytest.mark.parametrize(("points", "field"), [(stored(change=(3,)), "corrupted"), (stored(double=(3,)), "duplicates")])
def test_a_changed_or_doubled_value_is_counted(points: list[Points], field: str) -> None:
    found = judged(points)
    assert getattr(found, field) == 1
    assert not found.is_clean


@pytest.mark.parametrize("at", [START_NS - STREAM.step_ns, START_NS + 1, START_NS + 1000 * STREAM.step_ns])
def test_a_value_that_was_never_issued_is_spurious(at: int) -> None:
    points = stored()
    points[1] = Points.concat([points[1], Points.of([STREAM.tag_ids[1]], [at], [1.0])])
    found = judged(points)
    assert (found.spurious, found.missing, found.corrupted) == (1, 0, 0)
    assert not found.is_clean


def test_the_softwares_own_sum_must_agree() -> None:
    assert judged(stored(), tallies=(Tally("mqtt", None, received=12, stored=12),)).is_clean
    found = judged(stored(), tallies=(Tally("a", None, 12, 13), Tally("b", None, 12, 11)))
    assert found.difference == 2
    assert not found.is_clean


def test_delay_is_from_publishing_to_receipt() -> None:
    published_at = START_NS + np.arange(N_MESSAGES) // 2 * STREAM.step_ns
    published_at[2] -= 3_000_000_000
    found = judge(STREAM, ALL, enumerate(stored()), published_at=published_at)
    assert found.max_delay_s == 5.0


def test_the_hash_is_of_the_content_and_not_of_its_order() -> None:
    points = stored()
    backwards = [p.take(np.arange(len(p))[::-1]) for p in points]
    assert table_hash(enumerate(points)) == table_hash(enumerate(backwards))
    assert table_hash(enumerate(points)) != table_hash(enumerate(stored(change=(3,))))
    assert table_hash(enumerate(points)) != table_hash(enumerate(stored(double=(3,))))


def test_tags_must_make_whole_messages() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Stream(width=3, n_tags=8)
