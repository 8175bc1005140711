"""What a format renames is found under its new name, in every kind of file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.dump import read_dump, reread
from collectors.tables import BadFileError
from domain.records import Decoded, Reason
from tests.collectors.plants import NOW, PLANT, PRESS, form

T10 = "2026-03-01T10:00:00Z"


def load(folder: Path, text: str, **keys: object) -> Decoded:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    (found,) = read_dump(path, form(**keys), PLANT, NOW)
    return found


def taken(found: Decoded) -> list[tuple[str, float | None]]:
    assert found.rejected == ()
    return [(p.tag_id, p.value) for p in found.points.rows()]


def test_a_wide_file_s_columns_are_renamed_to_tags(tmp_path: Path) -> None:
    found = load(tmp_path, f"time,Kraft [kN],temp\n{T10},1,2\n", rename={"Kraft [kN]": "force"})
    assert taken(found) == [(f"{PRESS}/force", 1.0), (f"{PRESS}/temp", 2.0)]


def test_a_long_file_names_its_columns_and_its_tags_are_renamed(tmp_path: Path) -> None:
    text = f"Zeit,Messstelle,Wert\n{T10},KRAFT/1,1\n{T10},temp,2\n"
    keys = {"layout": "long", "time_column": "Zeit", "tag_column": "Messstelle", "value_column": "Wert"}
    found = load(tmp_path, text, **keys, rename={"KRAFT/1": "force"})
    assert taken(found) == [(f"{PRESS}/force", 1.0), (f"{PRESS}/temp", 2.0)]


def test_records_are_renamed_too(tmp_path: Path) -> None:
    found = load(tmp_path, f"Art,Beginn\nstop,{T10}\n", kind="events", rename={"Art": "kind", "Beginn": "start"})
    assert [(e.asset, e.kind.value) for e in found.events] == [(PRESS, "stop")]


def test_two_columns_of_one_name_refuse_the_file(tmp_path: Path) -> None:
    with pytest.raises(BadFileError) as error:
        load(tmp_path, f"time,a,temp\n{T10},1,2\n", rename={"a": "temp"})
    assert error.value.reason is Reason.HEADER
    assert "'temp'" in error.value.detail


def test_lines_above_the_header_are_skipped_and_still_counted(tmp_path: Path) -> None:
    found = load(tmp_path, f"sep=,\nexport of line 1\ntime,temp\n{T10},x\n", skip_lines=2)
    assert [r.topic for r in found.rejected] == ["a.csv:4"]


def test_a_date_and_a_time_are_joined(tmp_path: Path) -> None:
    keys = {"join": {"time": ("Datum", "Uhrzeit")}, "ignore": ("Datum", "Uhrzeit"), "zone": "UTC"}
    found = load(tmp_path, "Datum,Uhrzeit,temp\n01.03.2026,10:00,1\n", **keys, time_format="%d.%m.%Y %H:%M")
    assert [p.at for p in found.points.rows()] == [1772359200_000_000_000]


def test_a_column_to_join_that_is_missing_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="'Uhrzeit'"):
        load(tmp_path, f"time,temp\n{T10},1\n", join={"at": ("time", "Uhrzeit")})


def test_what_a_file_does_not_say_is_fixed_and_its_own_words_are_translated(tmp_path: Path) -> None:
    text = f"Art,start\nStörung,{T10}\nstop,{T10}\n"
    keys = {"rename": {"Art": "kind"}, "translate": {"kind": {"Störung": "failure"}}, "fixed": {"code": "E1"}}
    found = load(tmp_path, text, kind="events", **keys)
    assert [(e.kind.value, e.code) for e in found.events] == [("failure", "E1"), ("stop", "E1")]


def test_a_lot_file_may_hold_results_beside_process_values(tmp_path: Path) -> None:
    text = f"lot,end,heat,purity,verdict\nL1,{T10},7,99.5,NG\nL2,{T10},8,oops,OK\n"
    keys = {"results": ("purity", "verdict"), "translate": {"verdict": {"OK": "0", "NG": "1"}}}
    found = load(tmp_path, text, kind="lots", **keys)
    assert [(x.lot, dict(x.values)) for x in found.lots] == [("L1", {"heat": 7.0}), ("L2", {"heat": 8.0})]
    shown = [(r.lot, r.result, r.value, r.text) for r in found.results]
    assert shown == [
        ("L1", "purity", 99.5, None),
        ("L1", "verdict", 1.0, None),
        ("L2", "purity", None, "oops"),
        ("L2", "verdict", 0.0, None),
    ]
    assert {r.result_at.isoformat() for r in found.results} == {"2026-03-01T10:00:00+00:00"}


def test_a_wide_results_file_gives_a_result_for_each_column(tmp_path: Path) -> None:
    text = f"lot,result_at,purity,ash\nL1,{T10},99.5,1\n"
    found = load(tmp_path, text, kind="results", results=("purity", "ash"))
    assert [(r.result, r.value) for r in found.results] == [("purity", 99.5), ("ash", 1.0)]
    assert found.lots == ()


def test_a_lot_that_parquet_holds_as_a_number_or_a_time_is_named_by_its_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    pq.write_table(pa.table({"n": [7], "end": [at]}), path)
    forms = (form(kind="lots", rename={"n": "lot"}), form(kind="lots", join={"lot": ("end",)}, ignore=("n",)))
    found = [x.lot for each in forms for block in read_dump(path, each, PLANT, NOW) for x in block.lots]
    assert found == ["7", "2026-03-01 10:00:00+00:00"]


def test_a_dead_letter_keeps_the_file_s_own_names_and_is_read_again(tmp_path: Path) -> None:
    keys = {"join": {"time": ("day", "clock")}, "ignore": ("day", "clock"), "rename": {"Kraft [kN]": "force"}}
    text = "day,clock,Kraft [kN],temp\n2026-03-01,10:00:00Z,many,2\n"
    (letter,) = load(tmp_path, text, **keys).rejected
    assert letter.payload.decode().splitlines() == ["day,clock,Kraft [kN]", "2026-03-01,10:00:00Z,many"]
    fixed = form(**keys, translate={"force": {"many": "7"}})
    again = reread(letter.payload, letter.part, fixed, PLANT, NOW, letter.topic)
    assert taken(again) == [(f"{PRESS}/force", 7.0)]


def test_rows_without_a_time_are_told_by_their_place_also_when_one_is_read_again(tmp_path: Path) -> None:
    keys = {
        "kind": "lots",
        "rows": {"first": "2026-01-01T00:00:00+00:00", "every": "2h"},
        "join": {"end": ("row_time",), "lot": ("file", "row"), "batch": ("file",)},
        "texts": ("batch",),
        "skip_lines": 1,
    }
    found = load(tmp_path, "an export\nfeed,heat\n1.5,1\nx,1\n3.5,1\n", **keys)
    told = [(x.lot, x.end, x.values, x.texts) for x in found.lots]
    assert told == [
        ("a 1", datetime(2026, 1, 1, 0, tzinfo=UTC), {"feed": 1.5, "heat": 1}, {"batch": "a"}),
        ("a 3", datetime(2026, 1, 1, 4, tzinfo=UTC), {"feed": 3.5, "heat": 1}, {"batch": "a"}),
    ]
    (letter,) = found.rejected
    mended = form(**{**keys, "null_texts": ("x",)})
    (again,) = reread(letter.payload, letter.part, mended, PLANT, NOW, letter.topic).lots
    assert (again.lot, again.end, again.texts) == ("a 2", datetime(2026, 1, 1, 2, tzinfo=UTC), {"batch": "a"})


def test_a_time_of_rows_needs_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="'row_time'"):
        load(tmp_path, "feed,heat\n1,1\n", kind="lots", join={"lot": ("row",), "end": ("row_time",)})
    for rows in ({"first": "2026-01-01", "every": "1h"}, {"first": "2026-01-01T00:00:00Z", "every": "0h"}):
        with pytest.raises(ValueError, match=r"zone|above 0"):
            form(rows=rows)


def test_the_file_s_own_columns_go_before_those_of_its_place(tmp_path: Path) -> None:
    found = load(tmp_path, f"row,start,feed\nL7,{T10},1\n", kind="lots", join={"lot": ("row",)}, texts=("row",))
    assert [x.lot for x in found.lots] == ["L7"]
