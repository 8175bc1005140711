"""Dump files to items: every value cell, and every row of other files, becomes exactly one item."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.dump import format_for, read_dump
from collectors.settings import FormatSettings
from collectors.tables import BLOCK_BYTES, BadFileError, content_hash
from domain.points import Flag, Points, Quality
from domain.records import Decoded, EventKind, Reason
from tests.collectors.plants import ENGINE, NOW, OVEN, PLANT, PRESS, form

T10, T11 = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"
NS10, NS11 = 1772359200_000_000_000, 1772362800_000_000_000
AT10, AT11 = datetime(2026, 3, 1, 10, tzinfo=UTC), datetime(2026, 3, 1, 11, tzinfo=UTC)


def load(path: Path, settings: FormatSettings | None = None, block_bytes: int = BLOCK_BYTES) -> Decoded:
    blocks = list(read_dump(path, settings or form(), PLANT, NOW, block_bytes=block_bytes))
    return Decoded(
        Points.concat([b.points for b in blocks]),
        tuple(e for b in blocks for e in b.events),
        tuple(x for b in blocks for x in b.lots),
        tuple(r for b in blocks for r in b.results),
        tuple(r for b in blocks for r in b.rejected),
    )


def write(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def cells(found: Decoded) -> list[tuple[str, int, float | None]]:
    return [(p.tag_id, p.at, p.value) for p in found.points.rows()]


def refusal(path: Path, settings: FormatSettings | None = None) -> BadFileError:
    with pytest.raises(BadFileError) as error:
        load(path, settings)
    return error.value


def test_wide_file(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,force,temp\n{T10},1,2\n{T11},3,\n"))
    assert sorted(cells(found)) == [
        (f"{PRESS}/force", NS10, 1.0),
        (f"{PRESS}/force", NS11, 3.0),
        (f"{PRESS}/temp", NS10, 2.0),
        (f"{PRESS}/temp", NS11, None),
    ]
    assert found.rejected == ()
    assert set(found.points.received_at.tolist()) == {int(NOW.timestamp()) * 10**9}


def test_wide_file_of_several_assets(tmp_path: Path) -> None:
    text = f"time,machine,temp\n{T10},{PRESS},1\n{T10},{OVEN},2\n"
    found = load(write(tmp_path, text), form(asset="", asset_column="machine"))
    assert cells(found) == [(f"{PRESS}/temp", NS10, 1.0), (f"{OVEN}/temp", NS10, 2.0)]


def test_long_file(tmp_path: Path) -> None:
    text = f"time,tag,value\n{T10},{PRESS}/force,1\n{T11},{OVEN}/temp,2\n"
    found = load(write(tmp_path, text), form(layout="long", asset=""))
    assert cells(found) == [(f"{PRESS}/force", NS10, 1.0), (f"{OVEN}/temp", NS11, 2.0)]


def test_long_file_with_an_asset_column_and_a_quality(tmp_path: Path) -> None:
    text = f"time,asset,tag,value,quality\n{T10},{PRESS},force,1,bad\n{T11},{PRESS},force,2,\n{T11},{OVEN},temp,2,odd\n"
    found = load(write(tmp_path, text), form(layout="long", asset=""))
    assert [(p.tag_id, p.quality) for p in found.points.rows()] == [
        (f"{PRESS}/force", Quality.BAD),
        (f"{PRESS}/force", Quality.GOOD),
        (f"{OVEN}/temp", Quality.UNCERTAIN),
    ]


def test_stated_quality_is_kept_beside_a_value_that_is_rejected(tmp_path: Path) -> None:
    text = f"time,tag,value,quality\n{T10},force,1,bad\n{T10},temp,broken,good\n{T11},temp,2,uncertain\n"
    found = load(write(tmp_path, text), form(layout="long"))
    assert [(p.tag_id, p.quality) for p in found.points.rows()] == [
        (f"{PRESS}/force", Quality.BAD),
        (f"{PRESS}/temp", Quality.UNCERTAIN),
    ]
    assert [r.reason for r in found.rejected] == [Reason.NUMBER_FORMAT]


def test_null_stays_bad_whatever_is_stated(tmp_path: Path) -> None:
    text = f"time,tag,value,quality\n{T10},force,,good\n"
    assert load(write(tmp_path, text), form(layout="long")).points.quality.tolist() == [Quality.BAD]


@pytest.mark.parametrize("name", ["time", "tag", "value"])
def test_long_file_without_a_needed_column_is_refused(tmp_path: Path, name: str) -> None:
    header = ",".join(c for c in ("time", "tag", "value", "note") if c != name)
    error = refusal(write(tmp_path, f"{header}\na,b,c\n"), form(layout="long"))
    assert error.reason is Reason.HEADER
    assert name in error.detail


def test_short_row_is_rejected_and_the_rest_is_loaded(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,force,temp\n{T10},1\n{T11},3,4\n"))
    assert sorted(cells(found)) == [(f"{PRESS}/force", NS11, 3.0), (f"{PRESS}/temp", NS11, 4.0)]
    (bad,) = found.rejected
    assert (bad.reason, bad.topic, bad.payload) == (Reason.ROW_WIDTH, "a.csv:2", f"time,force,temp\n{T10},1\n".encode())
    assert bad.source == "dump:press"
    assert "2 fields where the header has 3" in bad.detail


def test_long_row_is_rejected_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,force\n\n{T10},1,2\n\n{T11},3\n"))
    assert cells(found) == [(f"{PRESS}/force", NS11, 3.0)]
    assert [(r.reason, r.topic) for r in found.rejected] == [(Reason.ROW_WIDTH, "a.csv:3")]


def test_file_of_short_rows_only_rejects_each(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,force,temp\n{T10},1\n{T11},2\n"))
    assert [r.reason for r in found.rejected] == [Reason.ROW_WIDTH, Reason.ROW_WIDTH]


def test_file_with_a_header_only_holds_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, "time,force\n")).n_items == 0


@pytest.mark.parametrize("n", [1, 11, 12, 13, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_file_of_many_blocks_is_loaded_whole(tmp_path: Path, n: int, line_end: str) -> None:
    rows = [f"{1_772_359_200 + i},{i}" for i in range(n)]
    text = line_end.join(["time,force", *rows, "1,2,3", ""])
    found = load(write(tmp_path, text), form(time_format="s"), block_bytes=150)
    assert found.points.value.tolist() == [float(i) for i in range(n)]
    assert [r.topic for r in found.rejected] == [f"a.csv:{n + 2}"]


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (b"", Reason.EMPTY, "is empty"),
        (b"time,force\n2026", Reason.PARTIAL, "still being written"),
        (b"time,force\n1\0,2\n", Reason.ENCODING, "NUL"),
        (b"time;force\n1;2\n", Reason.DIALECT, "one column"),
        (b"time\tforce\n1\t2\n", Reason.DIALECT, "one column"),
        (b"\n", Reason.DIALECT, "one column"),
        (b"time,force,force\n1,2,3\n", Reason.HEADER, "'force' twice"),
        (b"time,force,\n1,2,3\n", Reason.HEADER, "without a name"),
        (b"time,force,speed\n2026-03-01T10:00:00Z,2,3\n", Reason.HEADER, "'speed'"),
        (b"when,force\n1,2\n", Reason.HEADER, "'time'"),
        (b"PK\x03\x04 a spreadsheet\n", Reason.MAGIC, "not a CSV"),
        (b"PAR1 columns\n", Reason.MAGIC, "not a CSV"),
        (b"  <html>\n", Reason.MAGIC, "not a CSV"),
        ("time,force\n온도,1\n".encode("cp949"), Reason.ENCODING, "utf-8"),
        (b'time,force\n"unfinished,1\n', Reason.DIALECT, "a.csv"),
        (b'time,force\n"1"2,1\n', Reason.DIALECT, "a.csv"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_file_that_is_not_what_it_says_is_refused_with_its_reason(
    tmp_path: Path, text: bytes, reason: Reason, words: str
) -> None:
    error = refusal(write(tmp_path, text))
    assert error.reason is reason
    assert words in error.detail
    assert "a.csv" in str(error)


def test_unknown_column_is_named_with_the_known_ones_and_may_be_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, f"time,force,speed\n{T10},1,2\n")
    error = refusal(path)
    assert "force" in error.detail
    assert "ignore" in error.detail
    assert cells(load(path, form(ignore=("speed",)))) == [(f"{PRESS}/force", NS10, 1.0)]


def test_file_without_a_time_column_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "force,temp\n1,2\n"))
    assert error.reason is Reason.HEADER
    assert "'time'" in error.detail


def test_file_without_its_asset_column_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, f"time,force\n{T10},1\n"), form(asset=""))
    assert error.reason is Reason.HEADER
    assert "'asset'" in error.detail


def test_byte_order_mark_other_encodings_and_line_ends(tmp_path: Path) -> None:
    for encoding, text in (("utf-8-sig", f"time,압력\r\n{T10},1\r\n"), ("cp949", f"time,압력\n{T10},1\n")):
        path = write(tmp_path, text.encode(encoding))
        assert cells(load(path, form(encoding=encoding))) == [(f"{PRESS}/압력", NS10, 1.0)]


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path = write(tmp_path, "Zeit;force;temp\n01.03.2026 11:00;12,5;7\n")
    german = form(delimiter=";", decimal=",", time_column="Zeit", time_format="%d.%m.%Y %H:%M", zone="Europe/Berlin")
    assert cells(load(path, german)) == [(f"{PRESS}/force", NS10, 12.5), (f"{PRESS}/temp", NS10, 7.0)]


def test_bad_cells_are_rejected_with_their_line_and_the_others_stay(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,force,temp\n{T10},1_000,2\n{T11}, 3,4\n"))
    assert cells(found) == [(f"{PRESS}/temp", NS10, 2.0), (f"{PRESS}/temp", NS11, 4.0)]
    assert [(r.reason, r.topic, r.part, r.payload) for r in found.rejected] == [
        (Reason.NUMBER_FORMAT, "a.csv:2", "force", f"time,force\n{T10},1_000\n".encode()),
        (Reason.NUMBER_FORMAT, "a.csv:3", "force", f"time,force\n{T11}, 3\n".encode()),
    ]
    assert found.rejected[0].detail.startswith("force: ")


@pytest.mark.parametrize("raw", ["inf", "-Infinity", "1e999"])
def test_cell_that_is_not_finite_is_kept_as_null_and_bad(tmp_path: Path, raw: str) -> None:
    (point,) = load(write(tmp_path, f"time,force\n{T10},{raw}\n")).points.rows()
    assert (point.value, point.quality, point.flags, point.text) == (None, Quality.BAD, Flag.NON_FINITE, raw)


def test_null_texts_are_the_configs(tmp_path: Path) -> None:
    path = write(tmp_path, f"time,force,temp\n{T10},n.a.,NA\n")
    found = load(path, form(null_texts=("", "n.a.")))
    assert [(p.tag_id, p.value, p.text) for p in found.points.rows()] == [(f"{PRESS}/force", None, "n.a.")]
    assert [(r.part, r.payload) for r in found.rejected] == [("temp", f"time,temp\n{T10},NA\n".encode())]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("2026-03-01T10:00:00", Reason.TIME_NAIVE),
        ("yesterday", Reason.TIME_FORMAT),
        ("", Reason.TIME_FORMAT),
        ("1970-01-01T00:00:00Z", Reason.EPOCH),
    ],
)
def test_row_with_a_bad_time_is_one_rejected_item(tmp_path: Path, raw: str, reason: Reason) -> None:
    found = load(write(tmp_path, f"time,force,temp\n{raw},1,2\n{T11},3,4\n"))
    (bad,) = found.rejected
    assert (bad.reason, bad.part, bad.payload) == (reason, "", f"time,force,temp\n{raw},1,2\n".encode())
    assert len(found.points) == 2


def test_row_of_an_unknown_asset_is_rejected(tmp_path: Path) -> None:
    text = f"time,asset,temp\n{T10},plant/nothing,1\n{T10},{OVEN},2\n"
    found = load(write(tmp_path, text), form(asset=""))
    assert cells(found) == [(f"{OVEN}/temp", NS10, 2.0)]
    assert [(r.reason, r.topic) for r in found.rejected] == [(Reason.UNKNOWN_ASSET, "a.csv:2")]


def test_file_of_unknown_assets_only_rejects_each_value(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,asset,temp\n{T10},plant/nothing,1\n"), form(asset=""))
    assert [r.reason for r in found.rejected] == [Reason.UNKNOWN_ASSET]


def test_tag_that_one_asset_does_not_have_is_rejected_there(tmp_path: Path) -> None:
    text = f"time,asset,force,temp\n{T10},{PRESS},1,2\n{T10},{OVEN},3,4\n"
    found = load(write(tmp_path, text), form(asset=""))
    assert len(found.points) == 3
    assert [(r.reason, r.payload) for r in found.rejected] == [
        (Reason.UNKNOWN_TAG, f"time,asset,force\n{T10},{OVEN},3\n".encode())
    ]
    assert f"{OVEN}/force" in found.rejected[0].detail


def test_unknown_tag_of_a_long_file_is_rejected(tmp_path: Path) -> None:
    found = load(write(tmp_path, f"time,tag,value\n{T10},speed,1\n{T10},force,2\n"), form(layout="long"))
    assert cells(found) == [(f"{PRESS}/force", NS10, 2.0)]
    assert [(r.reason, r.payload) for r in found.rejected] == [
        (Reason.UNKNOWN_TAG, f"time,tag,value\n{T10},speed,1\n".encode())
    ]


def test_cycles_become_nominal_times(tmp_path: Path) -> None:
    path = write(tmp_path, "cycle,T24\n1,5\n3,6\n0,7\nx,8\n")
    found = load(path, form(asset=ENGINE, time_column="cycle", time_format="cycle"))
    first = datetime(2026, 1, 1, tzinfo=UTC)
    assert cells(found) == [
        (f"{ENGINE}/T24", int(first.timestamp()) * 10**9, 5.0),
        (f"{ENGINE}/T24", int((first + timedelta(hours=4)).timestamp()) * 10**9, 6.0),
    ]
    assert [r.reason for r in found.rejected] == [Reason.TIME_FORMAT, Reason.TIME_FORMAT]


@pytest.mark.parametrize("raw", ["²", "99999999999999999999"])
def test_cycle_that_is_no_cycle_is_rejected(tmp_path: Path, raw: str) -> None:
    path = write(tmp_path, f"cycle,T24\n{raw},5\n")
    found = load(path, form(asset=ENGINE, time_column="cycle", time_format="cycle"))
    assert (len(found.points), len(found.rejected)) == (0, 1)


def test_cycles_of_an_asset_without_a_first_one_are_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, "cycle,T24\n1,5\n")
    found = load(path, form(asset="fleet/engine-2", time_column="cycle", time_format="cycle"))
    assert [r.reason for r in found.rejected] == [Reason.TIME_FORMAT]
    assert "first_cycle_at" in found.rejected[0].detail


def test_local_time_at_the_end_of_the_calendar_is_rejected(tmp_path: Path) -> None:
    found = load(write(tmp_path, "time,force\n0001-01-01T00:00:00,1\n"), form(zone="Asia/Seoul"))
    assert len(found.rejected) == 1


def test_parquet_wide(tmp_path: Path) -> None:
    path = parquet(tmp_path, time=[AT10, AT11], force=[1.5, None], temp=pa.array([1, 2], pa.int32()))
    assert sorted(cells(load(path)), key=str) == [
        (f"{PRESS}/force", NS10, 1.5),
        (f"{PRESS}/force", NS11, None),
        (f"{PRESS}/temp", NS10, 1.0),
        (f"{PRESS}/temp", NS11, 2.0),
    ]


def test_parquet_nan_infinity_and_null_are_null_and_bad(tmp_path: Path) -> None:
    path = parquet(tmp_path, time=[AT10] * 3, force=[float("nan"), float("inf"), None])
    rows = load(path).points.rows()
    assert [p.value for p in rows] == [None, None, None]
    assert {p.quality for p in rows} == {Quality.BAD}
    assert rows[1].flags == Flag.NON_FINITE
    assert rows[2].flags == Flag.NULL


def test_parquet_long_with_text_numbers(tmp_path: Path) -> None:
    path = parquet(tmp_path, time=[T10, T10], tag=["force", "temp"], value=["1.5", "x"])
    found = load(path, form(layout="long"))
    assert cells(found) == [(f"{PRESS}/force", NS10, 1.5)]
    assert [(r.reason, r.topic) for r in found.rejected] == [(Reason.NUMBER_FORMAT, "a.parquet:2")]


def test_parquet_integers_with_nulls(tmp_path: Path) -> None:
    found = load(parquet(tmp_path, time=[AT10, AT11], force=pa.array([7, None], pa.int64())))
    assert [(p.value, p.quality) for p in found.points.rows()] == [(7.0, Quality.GOOD), (None, Quality.BAD)]


def test_parquet_booleans_are_no_numbers(tmp_path: Path) -> None:
    found = load(parquet(tmp_path, time=[AT10], force=[True]))
    assert [r.reason for r in found.rejected] == [Reason.TYPE]


@pytest.mark.parametrize(("unit", "scale"), [("s", 10**9), ("ms", 10**6), ("ns", 1)])
def test_parquet_epoch_times(tmp_path: Path, unit: str, scale: int) -> None:
    found = load(parquet(tmp_path, time=[NS10 // scale], force=[1.0]), form(time_format=unit))
    assert cells(found) == [(f"{PRESS}/force", NS10, 1.0)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_timestamps_of_every_precision(tmp_path: Path, unit: str) -> None:
    times = pa.array([AT10, None], pa.timestamp(unit, "UTC"))
    found = load(parquet(tmp_path, time=times, force=[1.0, 2.0]))
    assert cells(found) == [(f"{PRESS}/force", NS10, 1.0)]
    assert [r.reason for r in found.rejected] == [Reason.TIME_FORMAT]


def test_parquet_naive_timestamps_need_a_zone(tmp_path: Path) -> None:
    path = parquet(tmp_path, time=pa.array([AT10.replace(tzinfo=None)], pa.timestamp("us")), force=[1.0])
    assert [r.reason for r in load(path).rejected] == [Reason.TIME_NAIVE]
    assert cells(load(path, form(zone="UTC"))) == [(f"{PRESS}/force", NS10, 1.0)]


def test_parquet_cycles(tmp_path: Path) -> None:
    path = parquet(tmp_path, cycle=[1, 2], T24=[1.0, 2.0])
    found = load(path, form(asset=ENGINE, time_column="cycle", time_format="cycle"))
    assert (found.points.at[1] - found.points.at[0]) == 2 * 3600 * 10**9


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all\n"])
def test_broken_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(write(tmp_path, content, "a.parquet")).reason in (Reason.FORMAT, Reason.EMPTY, Reason.MAGIC)


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_arrays([pa.array([AT10]), pa.array([1.0]), pa.array([2.0])], ["time", "force", "force"]), path
    )
    assert refusal(path).reason is Reason.HEADER


def test_parquet_unknown_column_is_named(tmp_path: Path) -> None:
    error = refusal(parquet(tmp_path, time=[AT10], speed=[1.0]))
    assert error.reason is Reason.HEADER
    assert "'speed'" in error.detail


def test_events_file(tmp_path: Path) -> None:
    rows = (
        "asset,kind,code,start,end,known_at,note",
        f"{PRESS},failure,F1,{T10},{T11},{T11},bearing",
        f"{PRESS},stop,,{T10},,,",
        f"{PRESS},earthquake,,{T10},,,",
        f"plant/nothing,stop,,{T10},,,",
        f"{PRESS},stop,,{T11},{T10},,",
        f"{PRESS},stop,,,,,",
    )
    found = load(write(tmp_path, "\n".join(rows) + "\n"), form(kind="events", asset=""))
    first, second = found.events
    assert (first.kind, first.code, first.start, first.end, first.known_at, first.note) == (
        EventKind.FAILURE, "F1", AT10, AT11, AT11, "bearing",
    )  # fmt: skip
    assert (second.end, second.known_at) == (None, NOW)
    assert [(r.reason, r.topic) for r in found.rejected] == [
        (Reason.KIND, "a.csv:4"),
        (Reason.UNKNOWN_ASSET, "a.csv:5"),
        (Reason.INTERVAL, "a.csv:6"),
        (Reason.TIME_FORMAT, "a.csv:7"),
    ]


def test_events_parquet(tmp_path: Path) -> None:
    path = parquet(
        tmp_path,
        asset=[PRESS],
        kind=["failure"],
        code=[7],
        start=[AT10],
        end=pa.array([None], pa.timestamp("us", "UTC")),
    )
    (event,) = load(path, form(kind="events", asset="")).events
    assert (event.code, event.start, event.end) == ("7", AT10, None)


def test_lots_file(tmp_path: Path) -> None:
    text = (
        f"line,lot,start,end,feed,operator\n{PRESS},0012,{T10},{T11},1.5,kim\n"
        f"{PRESS},,{T10},{T11},1,lee\n{PRESS},13,,,x,lee\n{PRESS},14,,,,lee\n"
    )
    found = load(write(tmp_path, text), form(kind="lots", asset="", ignore=("operator",)))
    assert [(x.lot, x.start, x.end, x.known_at, dict(x.values)) for x in found.lots] == [
        ("0012", AT10, AT11, AT11, {"feed": 1.5}),
        ("14", None, None, NOW, {}),
    ]
    assert [r.reason for r in found.rejected] == [Reason.NO_KEY, Reason.NUMBER_FORMAT]


def test_lots_file_with_texts(tmp_path: Path) -> None:
    text = f"line,lot,end,feed,product,shift\n{PRESS},1,{T10},1.5,12,NA\n{PRESS},2,{T10},2,plain,early\n"
    found = load(write(tmp_path, text), form(kind="lots", asset="", texts=("product", "shift")))
    assert [(x.lot, dict(x.values), dict(x.texts)) for x in found.lots] == [
        ("1", {"feed": 1.5}, {"product": "12"}),
        ("2", {"feed": 2.0}, {"product": "plain", "shift": "early"}),
    ]


def test_lots_file_lacks_a_column_of_texts(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="lacks column product"):
        load(write(tmp_path, f"line,lot\n{PRESS},1\n"), form(kind="lots", asset="", texts=("product",)))


def test_results_file(tmp_path: Path) -> None:
    text = (
        "line,lot,result,value,result_at,lab\n"
        f"{PRESS},1,silica,2.5,{T10},A\n{PRESS},2,silica,below,{T10},\n{PRESS},3,silica,NA,,\n{PRESS},4,,1,,\n"
    )
    found = load(write(tmp_path, text), form(kind="results", asset=""))
    assert [(r.lot, r.value, r.text, r.lab) for r in found.results] == [
        ("1", 2.5, None, "A"),
        ("2", None, "below", ""),
        ("3", None, None, ""),
    ]
    assert [r.result_at for r in found.results] == [AT10, AT10, NOW]
    assert [r.reason for r in found.rejected] == [Reason.NO_KEY]


def test_results_with_decimal_commas_are_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, f"line;lot;result;value\n{PRESS};1;silica;2,5\n")
    (result,) = load(path, form(kind="results", asset="", delimiter=";", decimal=",")).results
    assert (result.value, result.text) == (2.5, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.5], 2.5), ([float("nan")], None), ([2], 2.0), (pa.array([None], pa.int64()), None)],
    ids=str,
)
def test_results_parquet(tmp_path: Path, values: Any, expected: float | None) -> None:
    path = parquet(tmp_path, line=[PRESS], lot=["1"], result=["silica"], value=values)
    found = load(path, form(kind="results", asset=""))
    assert found.rejected == ()
    assert [r.value for r in found.results] == [expected]


def test_first_fitting_format_is_taken() -> None:
    formats = [form(name="a", match="lab_*"), form(name="b", match="*.csv", kind="events"), form(name="c")]
    assert format_for(Path("x/lab_1.csv"), formats).name == "a"
    assert format_for(Path("x/1.csv"), formats).name == "b"
    assert format_for(Path("x/1.csv"), formats, "sensors").name == "c"


def test_file_that_fits_no_format_is_refused() -> None:
    with pytest.raises(BadFileError, match=r"of kind lots .* matches b\.csv"):
        format_for(Path("b.csv"), [form()], "lots")


def test_content_hash_is_of_the_bytes(tmp_path: Path) -> None:
    one, same, other = (write(tmp_path, text, name) for text, name in (("a", "1"), ("a", "2"), ("b", "3")))
    assert content_hash(one) == content_hash(same) != content_hash(other)


cell = st.sampled_from(["1", "-2.5", "", "NaN", "inf", "x", "1_0", " 1", "1e999", "N/A", "²"])
time_cell = st.sampled_from([T10, T11, "", "2026-03-01T10:00:00", "x", "1970-01-01T00:00:00Z"])
asset_cell = st.sampled_from([PRESS, OVEN, "plant/nothing"])


@given(st.lists(st.tuples(time_cell, asset_cell, cell, cell), max_size=8), st.integers(0, 3))
def test_every_cell_of_a_wide_file_becomes_one_item(
    tmp_path: Path, rows: list[tuple[str, str, str, str]], n_short: int
) -> None:
    rows = [(T10, PRESS, "1", "1"), *rows]
    lines = [",".join(row) for row in rows] + [f"{T10},{PRESS}"] * n_short
    found = load(write(tmp_path, "time,asset,force,temp\n" + "\n".join(lines) + "\n"), form(asset=""))

    def items(time: str, asset: str, force: str) -> int:
        is_placed = time in (T10, T11) and asset != "plant/nothing"
        return 1 if not is_placed or (asset == OVEN and force == "") else 2  # an oven has no force: blank is no value

    assert found.n_items == sum(items(*row[:3]) for row in rows) + n_short
    where = Counter(r.topic for r in found.rejected)
    assert all(n <= 2 for n in where.values())


@given(st.lists(st.tuples(time_cell, asset_cell, st.sampled_from(["force", "temp", "speed"]), cell), max_size=8))
def test_every_row_of_a_long_file_becomes_one_item(tmp_path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    text = "time,asset,tag,value\n" + "".join(",".join(row) + "\n" for row in rows)
    assert load(write(tmp_path, text), form(asset="", layout="long")).n_items == len(rows)


@given(st.lists(st.tuples(asset_cell, st.sampled_from(["stop", "x", ""]), time_cell, time_cell), max_size=8))
def test_every_row_of_an_events_file_becomes_one_item(tmp_path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    text = "asset,kind,start,end\n" + "".join(",".join(row) + "\n" for row in rows)
    assert load(write(tmp_path, text), form(asset="", kind="events")).n_items == len(rows)
