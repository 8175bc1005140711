"""The fast way of reading CSV against the csv module: the same items, or the same refusal, whatever the file."""

from __future__ import annotations

import io
from collections import deque
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors import csv_file
from collectors.dump import read_items
from collectors.settings import FormatSettings
from collectors.tables import BadFileError
from domain.points import Points
from domain.records import Reason
from tests.collectors.plants import NOW, OVEN, PLANT, PRESS, form

T10 = "2026-03-01T10:00:00Z"
NUMBERS = [
    "1",
    "-2.5",
    "+3",
    "1.",
    ".5",
    "-.5",
    "1e3",
    "1E-3",
    "0x10",
    "1e400",
    "-1e999",
    "1e-400",
    "1_000",
    " 12",
    "12 ",
]
NUMBERS += [
    "\t1",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "nan(1)",
    "1,5",
    "1.234,5",
    "9007199254740993",
    "9" * 30,
    "9" * 401,
]
NUMBERS += [
    "",
    "NA",
    "-",
    "#N/A",
    "null",
    "Bad",
    "=1+1",
    "١٢",
    "²",
    "1e",
    ".",
    "+",
    "0" * 20 + "1",
    "-999",
    "true",
    "1\x0b",
]
NUMBERS += ["\xa01", "1\x1a", "5e-324", "1.7976931348623159e308", "0.1", "-0", "1e+5", "１"]
TIMES = [
    T10,
    "2026-03-01 10:00:00",
    "2026-03-01T10:00:00.5Z",
    "2026-03-01T10:00:00.123456+09:00",
    "2026-03-01",
    "20260301",
]
TIMES += [
    "2026-02-29T10:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-06-30T23:59:60Z",
    "2026-13-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
]
TIMES += [
    "2200-01-01T00:00:00Z",
    "2026-W09-7",
    "",
    "x",
    "2026-03-01T10:00Z",
    "2026-03-01T10:00:00-24:00",
    "2026-03-01x10:00:00Z",
]
TIMES += [
    "2026-10-25T02:30:00",
    "2026-03-29T02:30:00",
    "1772359200",
    "2026-03-01T10:00:00.123456789Z",
    "０026-03-01T10:00:00Z",
]
QUOTED = ['"1"', '""', '"1,5"', '"a""b"', '"a\nb"', '1"', '"1"2', '"', '" 1"', '"\r\n"']
ENDS = ["\n", "\r\n", "\r", "\n\n", "\r\r\n"]

cells = st.one_of(
    st.sampled_from(NUMBERS), st.from_regex(r"[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE]-?[0-9]{1,2})?", fullmatch=True)
)
rows = st.lists(
    st.tuples(
        st.sampled_from(TIMES),
        st.sampled_from([PRESS, PRESS, PRESS, OVEN, "plant/nothing", ""]),
        cells,
        st.one_of(cells, st.sampled_from(QUOTED)),
        st.sampled_from(["", "", "", "", ",1", "\x00"]),
        st.sampled_from(ENDS),
    ),
    max_size=12,
)
forms = st.builds(
    form,
    asset=st.sampled_from(["", PRESS]),
    zone=st.sampled_from(["", "Europe/Berlin", "Australia/Lord_Howe"]),
    null_texts=st.sampled_from([("", "NA", "-"), ("NA",), ("", "-999", "1e3"), ()]),
    decimal=st.sampled_from([".", ","]),
    delimiter=st.sampled_from([",", ";", "\t", "¦"]),
)


def outcome(data: bytes, settings: FormatSettings, size: int, *, is_fast: bool) -> Any:
    """Return all that a file turns into, in a form that can be compared."""
    try:
        deque(csv_file.checked(io.BytesIO(data), "a.csv", settings, size), 0)  # as every load does first
        blocks = csv_file.blocks(io.BytesIO(data), "a.csv", settings, size, is_fast=is_fast)
        found = list(read_items(blocks, "a.csv", settings, PLANT, NOW))
    except BadFileError as error:
        return error.reason, error.detail
    points = sorted(map(repr, Points.concat([d.points for d in found]).rows()))
    rejected = sorted((r.topic, r.reason, r.detail, r.part, r.payload) for d in found for r in d.rejected)
    return points, rejected, [(d.events, d.lots, d.results) for d in found if d.events or d.lots or d.results]


@given(rows, forms, st.sampled_from([40, 200, 1 << 20]))
@example([(T10, PRESS, "1", "2", "", "\n")], form(), 40)
@example([(T10, PRESS, "1", '""', "", "\n")], form(), 40)
def test_wide_file_gives_the_same_items_both_ways(
    found: list[tuple[str, ...]], settings: FormatSettings, size: int
) -> None:
    join = settings.delimiter.join
    lines = [join(("time", "asset", "force", "temp")) + "\n"]
    lines += [
        join((time, asset, a, b)) + extra.replace(",", settings.delimiter) + end
        for time, asset, a, b, extra, end in found
    ]
    data = "".join(lines).encode()
    settings = settings.model_copy(update={"ignore": ("asset",)}) if settings.asset else settings
    assert outcome(data, settings, size, is_fast=True) == outcome(data, settings, size, is_fast=False)


@given(rows, forms, st.sampled_from([40, 200, 1 << 20]))
def test_long_file_gives_the_same_items_both_ways(
    found: list[tuple[str, ...]], settings: FormatSettings, size: int
) -> None:
    settings = settings.model_copy(update={"layout": "long", "asset": ""})
    join = settings.delimiter.join
    lines = [join(("tag", "time", "value", "asset", "quality")) + "\r\n"]
    lines += [join(("force", time, a, asset, b)) + end for time, asset, a, b, _, end in found]
    data = "".join(lines).encode()
    assert outcome(data, settings, size, is_fast=True) == outcome(data, settings, size, is_fast=False)


@given(st.binary(max_size=200), forms, st.sampled_from([7, 1 << 20]))
def test_any_bytes_give_the_same_both_ways(data: bytes, settings: FormatSettings, size: int) -> None:
    whole = f"time{settings.delimiter}force\n".encode() + data + b"\n"
    assert outcome(whole, settings, size, is_fast=True) == outcome(whole, settings, size, is_fast=False)


EPOCHS = ["1772359200", "1772359200.25", "-1", "1" * 19, "01.03.2026 10:00", "010326"]
FORMS = ["iso", "s", "ms", "us", "ns", "cycle", "%d.%m.%Y %H:%M", "%d%m%y", "%Y-%m-%dT%H:%M:%S.%f", "%Y%m%d"]


@given(
    st.lists(st.sampled_from([*TIMES, *EPOCHS]), max_size=9),
    st.sampled_from(FORMS),
    st.sampled_from(["", "Asia/Seoul", "America/New_York"]),
)
def test_times_are_the_same_both_ways(found: list[str], time_format: str, zone: str) -> None:
    settings = form(time_format=time_format, zone=zone)
    data = ("time,force\n" + "".join(f"{t},{i}\n" for i, t in enumerate(found))).encode()
    assert outcome(data, settings, 1 << 20, is_fast=True) == outcome(data, settings, 1 << 20, is_fast=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp949", "latin-1", "cp1252"])
def test_encodings_are_read_across_piece_boundaries(encoding: str) -> None:
    text = "time,force\r\n" + "".join(f"2026-03-01T10:{i % 60:02}:00Z,{i}\r\n" for i in range(300))
    points, rejected, _ = outcome(text.encode(encoding), form(encoding=encoding), 64, is_fast=True)
    assert (len(points), rejected) == (300, [])


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (f"time,force\n{T10},1\n{T10},\0\n".encode(), Reason.ENCODING, "line 3"),
        (f"time,force\n{T10},1\n{T10},µ\n".encode("latin-1"), Reason.ENCODING, "line 3"),
        (f"time,force\n{T10},1\n{T10},1".encode(), Reason.PARTIAL, "line 3"),
        (f"time,force\n{T10},1\n{T10},{'1' * 5000}\n".encode(), Reason.LIMIT, "line 3"),
        (f'time,force\n{T10},1\n\n{T10},"1"x\n'.encode(), Reason.DIALECT, "line 4"),
    ],
)
@pytest.mark.parametrize("size", [50, 1 << 20])
def test_refusal_names_the_line(data: bytes, reason: Reason, words: str, size: int) -> None:
    settings = form(max_line_bytes=4000)
    for is_fast in (True, False):
        found = outcome(data, settings, size, is_fast=is_fast)
        assert found[0] is reason
        assert words in found[1]
    with pytest.raises(BadFileError, match=words):
        deque(csv_file.checked(io.BytesIO(data), "a.csv", settings, size), 0)


def test_end_of_file_mark_of_old_systems_is_no_content() -> None:
    points, rejected, _ = outcome(f"time,force\r\n{T10},1\r\n\x1a".encode(), form(), 1 << 20, is_fast=True)
    assert (len(points), rejected) == (1, [])


def test_too_many_columns_are_refused() -> None:
    data = (",".join(f"c{i}" for i in range(30_000)) + "\n").encode()
    assert outcome(data, form(), 1 << 20, is_fast=True)[0] is Reason.LIMIT


def test_quoted_file_is_read_fast_and_the_same() -> None:
    text = '"time","force"\n' + "".join(f'"2026-03-01T10:00:{i:02}Z","{i}"\n' for i in range(50))
    fast, slow = (outcome(text.encode(), form(), 100, is_fast=each) for each in (True, False))
    assert fast == slow
    assert len(fast[0]) == 50
