"""How unknown files are written: encodings, delimiters, lines above the header, and which rows are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors import sampling
from collectors.sampling import Dialect, sniff, sniff_delimiter, survey
from collectors.tables import BadFileError

ROWS = "\n2026-01-01 00:00;1,5;2,5\n2026-01-01 00:01;3,5;4,5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_headers(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("측정 일시;온도(℃);유량" + ROWS, encoding=encoding)
    assert sniff(path) == Dialect(";", encoding, 0)


@pytest.mark.parametrize(("text", "encoding"), [("Zeit;Temp °C;Füllstand", "latin-1"), ("Zeit;Preis €;x", "cp1252")])
def test_latin_headers(text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text + ROWS, encoding=encoding)
    assert path.read_text(encoding=sniff(path).encoding).startswith(text)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["time,a,b", "2026-01-01,1,2"], (",", 0)),
        (["sep=;", "time;a", "2026-01-01;1,5"], (";", 1)),
        (["Export;;", "made by;Kim;", "", "time;a;b", "2026-01-01;1,5;2,5", "2026-01-02;1,5;2,5"], (";", 3)),
        (["time\ta", "2026-01-01\t1"], ("\t", 0)),
        (['"time, local"|a', "2026-01-01|1"], ("|", 0)),
        (["time;0;1;2", "2026-01-01;1,5;2,5;3,5"], (";", 0)),
        (["1 1 0.5", "1 2 0.6"], None),
        (["2026-01-01,1", "2026-01-02,2"], None),
        (["time,time", "2026-01-01,1"], None),
        ([",time", "0,2026-01-01"], None),
    ],
)
def test_a_header_agrees_with_the_rows_below_it(lines: list[str], found: tuple[str, int] | None) -> None:
    assert sniff_delimiter(lines) == found


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"\x1f\x8b..", "packed"), (b"\xff\xfea\0", "UTF-16"), (b"a\0b", "binary"), (b"\xd0\xcf\x11\xe0", "workbook")],
)
def test_what_is_no_csv_is_told(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(BadFileError, match=told):
        sniff(path)


def test_every_asset_is_found_wherever_it_stands_and_rows_of_another_width_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    n = 3 * sampling.KEPT_OF_GROUP
    lines = [f"2026-01-01,a,{i}" for i in range(n)] + ["2026-01-01,late,x", "short", ""]
    path.write_text("\n".join(["time,machine,value", *lines]) + "\n")
    found = survey(path, Dialect(), ["machine"])
    assert found.groups == {("a",): n, ("late",): 1}
    assert (found.n_rows, found.n_bad_rows) == (n + 1, 1)
    kept = found.columns["value"].cells
    assert kept[: sampling.KEPT_OF_GROUP] == [str(i) for i in range(sampling.KEPT_OF_GROUP)]
    assert len(kept) < n // 2
    assert kept[-1] == "x"
    assert found.columns["value"].others == {"x": 1}
    assert found.columns["value"].n_whole == n
