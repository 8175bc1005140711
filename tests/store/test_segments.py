"""The log of segments: what was appended comes back, and what was damaged is counted to the item."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from store.segments import Entry, Segments

ENTRIES = [Entry("mqtt" if i % 2 else "dump:x", i, i + 1, bytes([i]) * (50 + i)) for i in range(8)]
N_ITEMS = sum(e.n_items for e in ENTRIES)


def filled(folder: Path, segment_bytes: int = 1 << 20) -> Segments:
    log = Segments(folder, segment_bytes)
    log.open(1, 0)
    for entry in ENTRIES:
        log.append([entry])
    log.close()
    return log


def payloads(log: Segments) -> list[bytes | None]:
    return [log.read(place) for place in log.scan(0, 0).places]


def test_what_was_appended_comes_back_in_order(tmp_path: Path) -> None:
    log = filled(tmp_path)
    scan = log.scan(0, 0)
    assert payloads(log) == [e.payload for e in ENTRIES]
    assert [(p.source, p.at, p.n_items) for p in scan.places] == [(e.source, e.at, e.n_items) for e in ENTRIES]
    assert (scan.damage, scan.next_sequence, scan.total) == ((), 9, N_ITEMS)


def test_several_entries_of_one_append(tmp_path: Path) -> None:
    log = Segments(tmp_path)
    log.open(1, 0)
    places = log.append(ENTRIES)
    assert list(log.scan(0, 0).places) == places
    log.close()


def test_settled_records_are_not_given_again_and_their_segments_go(tmp_path: Path) -> None:
    log = filled(tmp_path, segment_bytes=200)
    places = log.scan(0, 0).places
    settled, after = places[4], places[5]
    assert [p.sequence for p in log.scan(settled.sequence, settled.total).places] == [6, 7, 8]
    n_before = len(log.numbers())
    log.drop_before(after.segment)
    assert len(log.numbers()) < n_before
    assert [p.sequence for p in log.scan(settled.sequence, settled.total).places] == [6, 7, 8]


def test_numbers_go_on_after_reopening(tmp_path: Path) -> None:
    log = filled(tmp_path)
    scan = log.scan(0, 0)
    log.open(scan.next_sequence, scan.total)
    (place,) = log.append([Entry("mqtt", 9, 3, b"x")])
    assert (place.sequence, place.total) == (9, N_ITEMS + 3)
    assert len(log.scan(0, 0).places) == 9
    log.close()


@pytest.mark.parametrize("has_tail", [True, False])
def test_cut_at_each_byte_of_the_last_record(tmp_path: Path, has_tail: bool) -> None:
    filled(tmp_path / "log")
    last = Segments(tmp_path / "log").scan(0, 0).places[-1]
    file = max((tmp_path / "log").glob("*.seg"))
    whole = file.read_bytes()
    for cut in range(last.offset, last.offset + last.length):
        file.write_bytes(whole[:cut])
        if not has_tail:
            (tmp_path / "log" / "tail").unlink(missing_ok=True)
        scan = Segments(tmp_path / "log").scan(0, 0)
        assert [p.sequence for p in scan.places] == [1, 2, 3, 4, 5, 6, 7]
        assert sum(d.n_items for d in scan.damage) == (last.n_items if has_tail else 0)  # else it looks never committed


def test_a_thousand_flipped_bytes(tmp_path: Path) -> None:
    filled(tmp_path / "whole", segment_bytes=300)
    whole = Segments(tmp_path / "whole").scan(0, 0)
    chance = random.Random(11)
    shutil.copytree(tmp_path / "whole", tmp_path / "hurt")
    for _ in range(1000):
        number = chance.choice(Segments(tmp_path / "hurt").numbers())
        file = tmp_path / "hurt" / f"{number:012d}.seg"
        block = bytearray(file.read_bytes())
        if not block:
            continue
        at = chance.randrange(len(block))
        block[at] ^= 1 << chance.randrange(8)
        file.write_bytes(block)
        hit = next(p for p in whole.places if p.segment == number and p.offset <= at < p.offset + p.length)
        scan = Segments(tmp_path / "hurt").scan(0, 0)
        assert list(scan.places) == [p for p in whole.places if p != hit]
        assert sum(d.n_items for d in scan.damage) == hit.n_items
        assert scan.total == N_ITEMS
        shutil.copy(tmp_path / "whole" / file.name, file)


def test_damage_behind_a_settled_record_is_counted_the_same(tmp_path: Path) -> None:
    filled(tmp_path)
    places = Segments(tmp_path).scan(0, 0).places
    file = tmp_path / "000000000001.seg"
    block = bytearray(file.read_bytes())
    block[places[3].offset + 20] ^= 1
    file.write_bytes(block)
    scan = Segments(tmp_path).scan(places[2].sequence, places[2].total)
    assert [(d.after, d.n_items) for d in scan.damage] == [(places[2].total, places[3].n_items)]
    assert block[places[3].offset :].startswith(scan.damage[0].raw)


def test_a_record_damaged_after_the_scan_is_not_given(tmp_path: Path) -> None:
    log = filled(tmp_path)
    place = log.scan(0, 0).places[2]
    file = tmp_path / "000000000001.seg"
    block = bytearray(file.read_bytes())
    block[place.offset + place.length - 1] ^= 1
    file.write_bytes(block)
    assert log.read(place) is None


def test_a_log_whose_files_are_gone_counts_all_of_them(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "000000000001.seg").unlink()
    scan = Segments(tmp_path).scan(0, 0)
    assert (scan.places, [d.n_items for d in scan.damage]) == ((), [N_ITEMS])
