"""Sensor files: how a value's quality, and what stands in place of a value, is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.dump import read_dump
from collectors.settings import FormatSettings
from collectors.tables import read_blocks
from domain.points import Flag, Points, Quality
from tests.collectors.plants import NOW, PLANT, form

AT = NOW - timedelta(minutes=1)
DA = {"192": Quality.GOOD, "216": Quality.GOOD, "64": Quality.UNCERTAIN, "0": Quality.BAD, "24": Quality.BAD}


def load(path: Path, settings: FormatSettings) -> Points:
    return Points.concat([block.points for block in read_dump(path, settings, PLANT, NOW)])


def times(n: int) -> list[datetime]:
    return [AT + timedelta(seconds=i) for i in range(n)]


def test_quality_codes_of_opc_da_are_read_where_the_format_says_so(tmp_path: Path) -> None:
    rows = [f"{at.isoformat()},force,1,{code}\n" for at, code in zip(times(len(DA)), DA, strict=True)]
    path = tmp_path / "a.csv"
    path.write_text("time,tag,value,quality\n" + "".join(rows))
    assert load(path, form(layout="long", quality_codes="opc-da")).quality.tolist() == list(DA.values())
    assert load(path, form(layout="long")).quality[[0, 3]].tolist() == [Quality.UNCERTAIN, Quality.GOOD]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (pa.array([192, 64, 0]), [Quality.GOOD, Quality.UNCERTAIN, Quality.BAD]),
        (pa.array([192.0, None, 0.0]), [Quality.GOOD, Quality.GOOD, Quality.BAD]),
        (pa.array([True, None, False]), [Quality.GOOD, Quality.GOOD, Quality.BAD]),
    ],
    ids=["whole numbers", "floats", "booleans"],
)
def test_quality_column_of_parquet(stated: Any, expected: list[Quality], tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time": times(3), "tag": ["force"] * 3, "value": [1.0] * 3, "quality": stated}), path)
    assert load(path, form(layout="long", quality_codes="opc-da")).quality.tolist() == expected


WORDS = ("Bad", "I/O Timeout", "Configure", "-", "#N/A", "****", "NA", "No Data", "pt created")


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("word", WORDS)
def test_word_of_a_historian_is_kept_as_a_bad_value(word: str, layout: str, decimal: str, tmp_path: Path) -> None:
    settings = form(layout=layout, decimal=decimal, delimiter=";")
    path = tmp_path / "a.csv"
    tag, head = ("force;", "tag;value") if layout == "long" else ("", "force")
    rows = [f"{at.isoformat()};{tag}{cell}\n" for at, cell in zip(times(2), (word, 7), strict=True)]
    path.write_text(f"time;{head}\n" + "".join(rows))
    (decoded,) = read_dump(path, settings, PLANT, NOW)
    first, second = decoded.points.rows()
    assert (first.value, first.text, first.quality) == (None, word, Quality.BAD)
    assert first.flags & Flag.NULL
    assert (second.value, decoded.rejected) == (7.0, ())


def test_blank_cell_is_a_bad_value_without_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time,force,temp\n{AT.isoformat()},,1\n")
    (blank, _) = load(path, form()).rows()
    assert (blank.value, blank.text, blank.quality) == (None, None, Quality.BAD)


def test_long_texts_after_short_ones_take_no_more_room_than_a_few_thousand_rows(tmp_path: Path) -> None:
    path, n = tmp_path / "a.parquet", 40_000
    texts = ["short"] * 1_000 + [f"{i:2000}" for i in range(n)]
    columns = {"time": [AT] * len(texts), "tag": ["force"] * len(texts), "value": texts}
    pq.write_table(pa.table(columns), path, compression="zstd")
    del texts, columns
    before, peak = pa.total_allocated_bytes(), 0
    n_rows = 0
    for block in read_blocks(path, form(layout="long"), block_bytes=1_000_000):
        peak = max(peak, pa.total_allocated_bytes() - before)
        n_rows += len(block.lines)
    assert n_rows == n + 1_000
    assert 0 < peak < 60_000_000  # of 80 MB, which took three times their room


def test_blocks_of_a_parquet_file_hold_every_row_in_order_whatever_their_texts(tmp_path: Path) -> None:
    path, n = tmp_path / "a.parquet", 20_000
    tags = [("force", "temp")[i // 5_000 % 2] for i in range(n)]
    columns = {"time": times(n), "tag": tags, "value": [float(i) for i in range(n)], "note": [str(i) for i in range(n)]}
    pq.write_table(pa.table(columns), path, row_group_size=7_000)
    found = Points.concat([b.points for b in read_dump(path, form(layout="long"), PLANT, NOW, block_bytes=20_000)])
    assert found.value.tolist() == columns["value"]
    assert [tag_id.rpartition("/")[2] for tag_id in found.tag_id.tolist()] == tags
