"""Dead letters of files: the payload is a small file that can be read again once the config is mended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.dump import read_dump, reread
from collectors.settings import FormatSettings
from domain.plant import Plant, Tag
from domain.records import Decoded, Reason, Rejected
from tests.collectors.plants import NOW, OVEN, PLANT, PRESS, form

T10 = "2026-03-01T10:00:00Z"
NS10 = 1772359200_000_000_000
AT10 = datetime(2026, 3, 1, 10, tzinfo=UTC)


def letters(path: Path, settings: FormatSettings) -> list[Rejected]:
    return [r for decoded in read_dump(path, settings, PLANT, NOW) for r in decoded.rejected]


def again(letter: Rejected, settings: FormatSettings, plant: Plant = PLANT) -> Decoded:
    return reread(letter.payload, letter.part, settings, plant, NOW, letter.topic)


def with_tag(tag: Tag) -> Plant:
    tags = [t for by_name in PLANT.tags.values() for t in by_name.values()]
    return Plant.of(PLANT.classes.values(), PLANT.assets.values(), [*tags, tag])


def test_cell_of_a_wide_row_is_read_again_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'time;force;temp\n{T10};"1,5";2\n')
    (letter,) = letters(path, form(delimiter=";"))
    assert (letter.reason, letter.part, letter.topic) == (Reason.NUMBER_FORMAT, "force", "a.csv:2")
    (point,) = again(letter, form(delimiter=";", decimal=",")).points.rows()
    assert (point.tag_id, point.at, point.value) == (f"{PRESS}/force", NS10, 1.5)


def test_letter_that_still_cannot_be_taken_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time,force,temp\n{T10},x,2\n")
    (letter,) = letters(path, form())
    found = again(letter, form())
    assert (len(found.points), found.rejected) == (0, (letter,))


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_row_with_a_bad_time_gives_all_its_values_once_the_zone_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("time,force,압력\n2026-03-01T19:00:00,1,2\n".encode(encoding))
    (letter,) = letters(path, form(encoding=encoding))
    assert letter.reason is Reason.TIME_NAIVE
    found = again(letter, form(encoding=encoding, zone="Asia/Seoul"))
    assert [(p.tag_id, p.at) for p in found.points.rows()] == [(f"{PRESS}/force", NS10), (f"{PRESS}/압력", NS10)]


def test_unknown_tag_is_taken_once_it_is_in_the_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time,asset,tag,value\n{T10},{OVEN},force,3\n")
    settings = form(layout="long", asset="")
    (letter,) = letters(path, settings)
    assert letter.reason is Reason.UNKNOWN_TAG
    assert again(letter, settings, with_tag(Tag(OVEN, "force"))).points.value.tolist() == [3.0]


def test_row_of_a_wrong_width_stays_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time,force,temp\n{T10},1\n")
    (letter,) = letters(path, form())
    assert again(letter, form()).rejected[0].reason is Reason.ROW_WIDTH


def test_parquet_row_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time": [AT10, AT10], "force": ["1.5", "broken"], "temp": [1.0, 2.0]}), path)
    (letter,) = letters(path, form())
    assert (letter.part, letter.topic) == ("force", "a.parquet:2")
    assert again(letter, form()).rejected == (letter,)
    found = again(letter, form(null_texts=("broken",)))
    assert [(p.at, p.value, p.text) for p in found.points.rows()] == [(NS10, None, "broken")]


def test_event_of_an_unknown_code_is_taken_once_the_code_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"asset,kind,code,start\n{PRESS},failure,F9,{T10}\n")
    settings = form(kind="events", asset="", codes=("F1",))
    (letter,) = letters(path, settings)
    assert letter.reason is Reason.CODE
    (event,) = again(letter, form(kind="events", asset="", codes=("F1", "F9"))).events
    assert (event.code, event.start) == ("F9", AT10)


def test_payload_that_is_no_file_is_rejected_with_its_reason() -> None:
    for payload in (b"", b"{", b"time,force", b"{}", b'{"time": 1}', b"\xff\n"):
        found = reread(payload, "", form(), PLANT, NOW, "a.csv:3")
        assert (len(found.points), len(found.rejected)) == (0, 1)
        assert found.rejected[0].topic == "a.csv:3"
