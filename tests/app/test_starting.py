"""`forewarn init` on exports as plants have them: what is written passes the check and takes every row, or says what to
do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.cli import main
from app.commands.opening import opened_for
from app.settings import Settings, load
from tests.app import unknown_plant

T0 = datetime.fromisoformat("2026-03-13T22:00:00")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def times(n: int, form: str, step: timedelta = MINUTE) -> list[str]:
    return [(T0 + i * step).strftime(form) for i in range(n)]


def rows(header: str, found: list[str], n_values: int, mark: str = ";", decimal: str = ",") -> str:
    lines = [mark.join([at, *(f"{i % 17}{decimal}{k}" for k in range(n_values))]) for i, at in enumerate(found)]
    return "\n".join([header, *lines]) + "\n"


def write(name: str, text: str, encoding: str = "utf-8") -> str:
    Path(name).write_text(text, encoding=encoding)
    return name


def started(*args: str) -> Settings:
    assert main(["init", "plant", *args]) == 0
    return load(Path("plant"))


def taken(capsys: pytest.CaptureFixture[str], *files: str) -> list[str]:
    """Load files; every row is taken. Returns the lines told."""
    capsys.readouterr()
    assert main(["load", "--config", "plant", *files]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if " 0 rejected " not in line] == []
    assert len(told) == len(files)
    return told


def tags(settings: Settings) -> dict[str, list[tuple[str, str, float]]]:
    return {
        asset: [(t.name, t.unit, t.period.total_seconds()) for t in found.values()]
        for asset, found in settings.plant.tags.items()
    }


def test_a_historian_s_long_export_with_lines_above_the_header(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{tag};{at};{i},5;{q}" for i, at in enumerate(times(40, "%d.%m.%Y %H:%M:%S", 5 * MINUTE))
             for tag, q in (("LINE/FIC-101.PV", "Good"), ("TI-7 [°C]", "Bad"))]  # fmt: skip
    text = "PI-System Export;;;\nErstellt von:;Müller;;\n\nTag;Zeitstempel;Wert;Qualität\n" + "\n".join(lines) + "\n"
    name = write("pi.csv", text, "latin-1")
    settings = started("--sensors", name, "--zone", "Europe/Berlin", "--asset", "berlin/line-2")
    assert tags(settings) == {"berlin/line-2": [("LINE_FIC-101.PV", "", 300.0), ("TI-7", "°C", 300.0)]}
    assert taken(capsys, name) == ["pi.csv: 80 items in = 80 stored + 0 rejected + 0 duplicate + 0 conflict"]


def test_times_with_a_zone_need_no_zone(capsys: pytest.CaptureFixture[str]) -> None:
    text = rows(
        "Date-Time,Area A_Temperature (°F),Compressor Power [kW]", times(30, "%Y-%m-%dT%H:%M:%S.000Z"), 2, ",", "."
    )
    name = write("seeq.csv", text)
    assert tags(started("--sensors", name)) == {
        "plant/line-1": [("Area_A_Temperature", "°F", 60.0), ("Compressor_Power", "kW", 60.0)]
    }
    taken(capsys, name)


def test_a_date_and_a_time_of_day_in_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    found = times(30, "%m/%d/%Y\t%I:%M:%S %p", timedelta(seconds=1))
    name = write("labview.txt", rows("Date\tTime\tVoltage_V\tForce (kN)", found, 2, "\t", "."))
    settings = started("--sensors", name, "--zone", "America/Chicago")
    assert settings.root.formats[0].join == {"time": ("Date", "Time")}
    assert tags(settings) == {"plant/line-1": [("Voltage_V", "", 1.0), ("Force", "kN", 1.0)]}
    taken(capsys, name)


def test_a_workbook_s_csv_with_sep_and_mark_of_the_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    text = "sep=;\n" + rows("Datum;Druck [bar];Füllstand [%]", times(30, "%d.%m.%y %H:%M"), 2)
    name = write("excel.csv", text, "utf-8-sig")
    assert [t[:2] for t in tags(started("--sensors", name, "--zone", "UTC"))["plant/line-1"]] == [
        ("Druck", "bar"),
        ("Füllstand", "%"),
    ]
    taken(capsys, name)


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_the_period_of_a_long_file_of_two_machines_is_that_of_neighbouring_rows(layout: str) -> None:
    at = times(11_000, "%Y-%m-%dT%H:%M:%SZ")
    cells = "flow," if layout == "long" else ""
    lines = [f"{each},{m},{cells}{i % 97}.5" for i, each in enumerate(at) for m in ("A", "B")]
    header = "timestamp,machine,tag,value" if layout == "long" else "timestamp,machine,flow"
    settings = started("--sensors", write("long.csv", "\n".join([header, *lines]) + "\n"))
    assert tags(settings) == {machine: [("flow", "", 60.0)] for machine in ("A", "B")}
    assert [c.period for c in settings.plant.classes.values()] == [MINUTE]


def test_epoch_times(capsys: pytest.CaptureFixture[str]) -> None:
    text = rows("ts,speed_rpm", [str(1_767_225_600_000 + 500 * i) for i in range(50)], 1, ",", ".")
    name = write("gateway.csv", text)
    settings = started("--sensors", name)
    assert settings.root.formats[0].time_format == "ms"
    assert tags(settings) == {"plant/line-1": [("speed_rpm", "rpm", 0.5)]}
    taken(capsys, name)


def test_machines_in_a_column_with_signs_that_a_path_may_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{at}|{m}|{i}.5" for i, at in enumerate(times(30, "%Y-%m-%d %H:%M:%S")) for m in ("Press #4", "Press #5")]
    name = write("presses.csv", "\n".join(["time|Machine|Öldruck [bar]", *lines]) + "\n")
    settings = started("--sensors", name, "--zone", "Asia/Seoul")
    assert tags(settings) == {a: [("Öldruck", "bar", 60.0)] for a in ("Press _4", "Press _5")}
    taken(capsys, name)


def test_cycles_in_place_of_times(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{unit},{cycle},{cycle / 7:.3f}" for unit in (1, 2, 3) for cycle in range(1, 40)]
    name = write("engines.csv", "\n".join(["unit,cycle,T24", *lines]) + "\n")
    settings = started("--sensors", name)
    assert [c.axis.value for c in settings.plant.classes.values()] == ["cycle"]
    assert list(settings.plant.assets) == ["1", "2", "3"]
    taken(capsys, name)


def test_parquet_with_local_times(capsys: pytest.CaptureFixture[str]) -> None:
    at = [T0 + i * MINUTE for i in range(30)]
    pq.write_table(
        pa.table({"date": at, "% Iron Feed": [float(i) for i in range(30)], "all_null": [None] * 30}), "a.parquet"
    )
    settings = started("--sensors", "a.parquet", "--zone", "America/Sao_Paulo")
    assert tags(settings) == {"plant/line-1": [("Iron_Feed", "%", 60.0)]}
    taken(capsys, "a.parquet")


def test_files_of_further_months_are_one_format(capsys: pytest.CaptureFixture[str]) -> None:
    found = times(60, "%Y-%m-%d %H:%M")
    names = [
        write(f"kiln-2026-0{k + 1}.csv", rows("time,Temp [K]", found[30 * k : 30 * k + 30], 1, ",", "."))
        for k in (0, 1)
    ]
    settings = started("--sensors", *names, "--zone", "UTC")
    assert [(x.match, x.asset) for x in settings.root.formats] == [("kiln-*.csv", "plant/line-1")]
    taken(capsys, *names)


def test_files_of_the_same_tags_at_the_same_time_are_machines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    names = [
        write(f"{m}.csv", rows("time,Temp [K]", times(30, "%Y-%m-%d %H:%M"), 1, ",", ".")) for m in ("ofen-a", "ofen-b")
    ]
    settings = started("--sensors", *names, "--zone", "UTC")
    assert sorted(settings.plant.assets) == ["plant/ofen-a", "plant/ofen-b"]
    taken(capsys, *names)


def test_dated_files_of_each_machine_are_one_machine_and_lots_in_korean_find_it() -> None:
    form = "%Y-%m-%d %H:%M"
    names = [
        write(
            f"라인{m}_2026Q{k + 1}.csv",
            rows("측정일시,온도[K]", times(400, form)[200 * k : 200 * k + 200], 1, ",", "."),
        )
        for m in "AB"
        for k in (0, 1)
    ]
    lots = [
        f"라인{'AB'[i % 2]},L-{i},{at},{(datetime.fromisoformat(at) + MINUTE).strftime(form)},"
        f"{(datetime.fromisoformat(at) + 3 * MINUTE).strftime(form)},{i % 2 + 1}시험실,{i % 7}.5"
        for i, at in enumerate(times(70, form, 4 * MINUTE))
    ]
    lab = write("대장.csv", "\n".join(["라인,로트번호,투입 시각,완료시각,검사일시,시험실,강도(MPa)", *lots]) + "\n")
    settings = started("--sensors", *names, "--quality", lab, "--zone", "Asia/Seoul")
    assert sorted(settings.plant.assets) == ["plant/라인A", "plant/라인B"]
    ledger = next(x for x in settings.root.formats if x.kind == "lots")
    assert {
        "투입 시각": "start",
        "완료시각": "end",
        "검사일시": "result_at",
        "시험실": "lab",
    }.items() <= ledger.rename.items()
    assert len(settings.root.formats) == 3


def test_a_laboratory_s_samples_are_lots_named_by_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    sensors = write("process.csv", rows("time,Flow [l/min]", times(200, "%Y-%m-%d %H:%M"), 1, ",", "."))
    lab = write("lab.csv", rows("sampled at;Silica Concentrate [%]", times(70, "%Y-%m-%d %H:%M", 2 * MINUTE), 1))
    settings = started("--sensors", sensors, "--quality", lab, "--zone", "UTC")
    (quality,) = [d for d in settings.root.detectors if d.kind == "quality_tournament"]
    assert quality.outcome == "Silica_Concentrate"
    assert settings.feature_set(quality.features).lab == ()  # nothing tells when a result was known
    assert taken(capsys, sensors, lab)[1].startswith("lab.csv: 140 items in = 140 stored")


def test_a_column_with_another_number_in_each_row_names_the_lots(capsys: pytest.CaptureFixture[str]) -> None:
    found = [f"{900 + i},{at},{i % 3}.5,{-1 if i % 9 else 1}" for i, at in enumerate(times(30, "%Y-%m-%d %H:%M"))]
    name = write(
        "wafers.csv", "\n".join(["row,timestamp,0,label", *found, *found[:1]]).replace("900,", "899,", 1) + "\n"
    )
    settings = started("--quality", name, "--zone", "UTC")
    (form,) = settings.root.formats
    assert (form.rename["row"], form.results) == ("lot", ("label",))
    assert taken(capsys, name)[0].startswith("wafers.csv: 62 items in = 62 stored")


def test_samples_of_one_time_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    at = "2026-03-13 22:00"
    started("--quality", write("lab.csv", f"sampled,ash [%]\n{at},1.5\n{at},1.6\n"), "--zone", "UTC")
    assert "1 rows share their time, and so their lot" in capsys.readouterr().out


def test_lots_in_one_file_and_results_of_two_laboratories_in_another(capsys: pytest.CaptureFixture[str]) -> None:
    sensors = write("process.csv", rows("time,Flow [l/min]", times(200, "%Y-%m-%d %H:%M"), 1, ",", "."))
    begin = times(70, "%Y-%m-%d %H:%M", 2 * MINUTE)
    lots = [f"C{i},{a},{b},{i}.25,red" for i, (a, b) in enumerate(pairwise(begin))]
    results = [f"C{i},{a},Lab {i % 2},{'PASS' if i % 9 else 'FAIL'}" for i, a in enumerate(begin[1:])]
    one = write("coils.csv", "\n".join(["coil,start,end,heat_degC,colour", *lots]) + "\n")
    other = write("judged.csv", "\n".join(["coil,tested,lab,verdict", *results]) + "\n")
    settings = started("--sensors", sensors, "--quality", one, other, "--zone", "UTC")
    assert {x.name: x.kind for x in settings.root.formats} == {
        "process": "sensors",
        "coils": "lots",
        "judged": "results",
    }
    (quality,) = [d for d in settings.root.detectors if d.kind == "quality_tournament"]
    assert quality.outcome == "verdict"  # and not the heat of the coils
    assert settings.feature_set(quality.features).lab == ("verdict",)
    taken(capsys, sensors, one, other)


@pytest.mark.parametrize("n_values", [1, 9])
def test_numbers_of_lots_are_no_results_where_another_file_tells_those(
    n_values: int, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = times(70, "%Y-%m-%d %H:%M", 2 * MINUTE)
    header = ",".join(["라인", "로트", "시작", "종료", *(f"온도{k}(℃)" for k in range(n_values))])
    lots = [f"1호기,L{i},{a},{b}," + ",".join([f"{i}.25"] * n_values) for i, (a, b) in enumerate(pairwise(begin))]
    results = [f"1호기,L{i},NOX,{i % 7}.5,{a}" for i, a in enumerate(begin[1:])]
    one = write("로트_2025.csv", "\n".join([header, *lots]) + "\n", "cp949")
    other = write("결과_2025.csv", "\n".join(["라인,로트,검사항목,측정값,판정일시", *results]) + "\n", "cp949")
    settings = started("--quality", one, other, "--zone", "Asia/Seoul")
    assert [d.outcome for d in settings.root.detectors] == ["NOX"]
    assert taken(capsys, one, other)[0].startswith(f"{one}: 69 items in = 69 stored")


def test_events_that_only_say_when_they_began(capsys: pytest.CaptureFixture[str]) -> None:
    sensors = write("process.csv", rows("time,Flow [l/min]", times(200, "%Y-%m-%d %H:%M"), 1, ",", "."))
    events = write("failures.csv", "when date,reason code\n2026-03-13 22:30,F12\n2026-03-13 23:10,F13\n")
    settings = started("--sensors", sensors, "--events", events, "--zone", "UTC")
    form = next(x for x in settings.root.formats if x.kind == "events")
    assert (form.fixed, form.join) == ({"kind": "failure"}, {"end": ("when date",)})
    taken(capsys, sensors, events)


def test_machines_that_failed_once_each_are_known_by_the_sensors_names(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"E{i}" for i in range(1, 7)]
    body = "".join(f"{at},{name},{i % 17}.5\n" for name in names for i, at in enumerate(times(60, "%Y-%m-%d %H:%M")))
    sensors = write("engines.csv", "time,unit,Flow [l/min]\n" + body)
    told = "".join(f"{name},failure,2026-03-13 22:5{i},worn\n" for i, name in enumerate(names))
    events = write("failures.csv", "unit,kind,start,code\n" + told)
    settings = started("--sensors", sensors, "--events", events, "--zone", "UTC")
    assert next(x for x in settings.root.formats if x.kind == "events").rename["unit"] == "asset"
    assert [d.kind for d in settings.root.detectors if d.kind.startswith("failure")] == ["failure_lightgbm"]
    taken(capsys, sensors, events)


def test_events_that_only_say_when_they_ended(capsys: pytest.CaptureFixture[str]) -> None:
    sensors = write("process.csv", rows("time,Flow [l/min]", times(200, "%Y-%m-%d %H:%M"), 1, ",", "."))
    events = write("failures.csv", "ended,code\n2026-03-13 22:30,F12\n")
    started("--sensors", sensors, "--events", events, "--zone", "UTC")
    taken(capsys, sensors, events)


def _undecided(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["check", "--config", "plant"]) == 2
    return capsys.readouterr().err


def test_a_day_that_may_be_a_month_is_asked_and_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    name = write("a.csv", "time,x\n03/04/2026 10:00,1\n03/04/2026 10:01,2\n04/04/2026 10:02,3\n")
    assert main(["init", "plant", "--sensors", name, "--zone", "UTC"]) == 0
    assert "1 choices are yours" in capsys.readouterr().out
    (fault,) = _undecided(capsys).splitlines()
    assert "formats[0].time_format" in fault
    assert "%d/%m/%Y %H:%M or %m/%d/%Y %H:%M" in fault
    Path("plant/forewarn.toml").unlink()
    for file in Path("plant").iterdir():
        file.unlink()
    assert started("--sensors", name, "--zone", "UTC", "--time-format", "%d/%m/%Y %H:%M")


def test_a_missing_zone_an_unknown_kind_and_an_unnamed_machine_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{at},{m},{i}" for i, at in enumerate(times(20, "%Y-%m-%d %H:%M")) for m in ("A", "B")]
    sensors = write("s.csv", "\n".join(["time,machine,x", *lines]) + "\n")
    events = write("e.csv", "start,type\n2026-03-13 22:30,Blubb\n2026-03-13 22:40,Wartung\n")
    assert main(["init", "plant", "--sensors", sensors, "--events", events]) == 0
    asked = _undecided(capsys)
    for key in ("formats[0].zone", "formats[1].zone", "formats[1].asset", "formats[1].translate.kind.Blubb"):
        assert key in asked
    assert "Wartung" not in asked
    assert "one of A, B" in asked


def test_rows_that_share_their_time_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{at},{run},{i}" for i, at in enumerate(times(20, "%Y-%m-%dT%H:%M:%SZ")) for run in ("first", "second")]
    started("--sensors", write("s.csv", "\n".join(["time,run of the rig,x", *lines]) + "\n"))
    told = capsys.readouterr().out
    assert "20 of 40 rows share their time" in told
    assert "run of the rig may tell them apart" in told


def test_thousands_separators_are_told_and_never_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    cells = ["999,5", "1.000,5", *(f"{i},5" for i in range(30))]
    lines = [f"{at};{cell}" for at, cell in zip(times(32, "%d.%m.%Y %H:%M"), cells, strict=True)]
    name = write("a.csv", "\n".join(["Zeit;Kraft [N]", *lines]) + "\n")
    started("--sensors", name, "--zone", "UTC")
    assert "'Kraft [N]' writes numbers with thousands separators (1.000,5)" in capsys.readouterr().out
    main(["load", "--config", "plant", name])
    assert "32 items in = 31 stored + 1 rejected" in capsys.readouterr().out


REFUSED = {
    "no header": ("1 1 -0.0007 518.67\n1 2 0.0019 518.67\n", "one line with the columns' names"),
    "a column without a name": (",time,x\n0,2026-01-01T00:00:00Z,1\n", "none empty"),
    "units below the header": (
        "time,Temp\nUTC,°C\n2026-01-01 00:00,1\n2026-01-01 00:01,2\n",
        "holds no values",
    ),
    "day numbers": ("Datum;x\n45123,5;1\n45123,6;2\n", "Excel's day numbers"),
    "from an unknown start": ("Time,x\n0.0,1\n0.1,2\n", "counts from an unknown start"),
    "no times at all": ("a,b\n1.5,2\n1.6,3\n", "--time-format"),
    "workbook": ("PK\x03\x04", "save the sheet as CSV"),
    "header only": ("time,x\n", "one line with the columns' names"),
    "empty": ("", "is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_with_what_to_do(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, told = REFUSED[case]
    assert main(["init", "plant", "--sensors", write("a.csv", text)]) == 1
    assert told in capsys.readouterr().err
    assert not Path("plant").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--sensors", "a.csv", "--zone", "Europe/Berlln"], 'did you mean "Europe/Berlin"'),
        (["--sensors", "a.csv", "--asset", "a//b#"], "--asset"),
        ([], "at least one file"),
    ],
)
def test_wrong_usage(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "plant", *args]) == 2
    assert told in capsys.readouterr().err


def test_a_folder_that_holds_something_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plant").mkdir()
    Path("plant/notes.txt").write_text("mine")
    name = write("a.csv", rows("time,x", times(5, "%Y-%m-%dT%H:%MZ"), 1, ",", "."))
    assert main(["init", "plant", "--sensors", name]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in Path("plant").iterdir()] == ["notes.txt"]


def test_damaged_exports_end_with_a_config_or_with_a_reason(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    whole = Path(unknown_plant.write(tmp_path)[1]).read_bytes()[:2000]
    ends = set()
    for n in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data) - 50, size=n % 6):
            if random.random() < 0.5:
                data[place] = int(random.integers(256))
            else:
                del data[place : place + int(random.integers(1, 50))]
        Path("damaged.csv").write_bytes(bytes(data) + b"\n")
        ends.add(main(["init", f"plant-{n}", "--sensors", "damaged.csv", "--quality", "damaged.csv"]))
    assert ends <= {0, 1}


def year_files() -> list[str]:
    """Return two years of a process without a time, with two results in the same row."""
    text = "A,B,C,D,CO,NOX\n" + "".join(
        f"{i % 7}.5,{i % 11}.25,{i % 5}.5,{i},{i % 3}.5,{i % 13}.5\n" for i in range(70)
    )
    return [write(f"gt_{year}.csv", text) for year in (2011, 2012)]


def test_years_without_times_are_lots_in_batches(capsys: pytest.CaptureFixture[str]) -> None:
    names = year_files()
    settings = started("--quality", *names, "--zone", "UTC", "--results", "CO", "NOX", "--row-every", "1h")
    told = taken(capsys, *names)
    assert told[1].startswith("gt_2012.csv: 210 items in = 210 stored")
    assert {d.outcome for d in settings.root.detectors} == {"CO", "NOX"}
    assert {settings.feature_set(d.features).process for d in settings.root.detectors} == {("*",)}
    with opened_for(settings) as rooms:
        lots = rooms.ledger.records.lots("plant/line-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert len(lots) == 140
    assert sorted(lots[70].values) == ["A", "B", "C", "D"]
    assert (lots[70].lot, lots[70].end, lots[70].texts) == (
        "gt_2012 1", datetime(2012, 1, 1, tzinfo=UTC), {"batch": "gt_2012"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "--row-every 1h"),
        (
            ("--row-every", "1h", "--results", "CO", "NO"),
            "--results NO: no column of --quality; other numbers there: A, B",
        ),
        (("--row-every", "10d"), "ends after 2012-01-01"),
        (("--row-every", "hourly"), "--row-every hourly"),
        (("--row-every", "1h", "--row-first", "soon"), "--row-first soon"),
    ],
)
def test_what_is_missing_of_rows_without_times_is_said(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert main(["init", "plant", "--quality", *year_files(), "--zone", "UTC", *more]) != 0
    assert said in capsys.readouterr().err
    assert not Path("plant").exists()


def test_files_without_a_year_follow_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    text = "A,B\n" + "".join(f"{i % 7}.5,{i % 3}.5\n" for i in range(10))
    names = [write(f"part_{k}.csv", text) for k in "ab"]
    assert main(["init", "plant", "--quality", *names, "--row-every", "1h", "--results", "B"]) != 0
    assert "--row-first" in capsys.readouterr().err
    settings = started("--quality", *names, "--row-every", "1h", "--results", "B", "--row-first", "2020-05-01")
    assert [f.rows.first.hour for f in settings.root.formats if f.rows] == [0, 10]


def test_texts_of_lots_are_kept_to_tell_them_apart() -> None:
    rows = [f"{at},P{i % 3},{i % 5}.5,{i % 7}.25" for i, at in enumerate(times(90, "%Y-%m-%d %H:%M"))]
    name = write("lots.csv", "\n".join(["end time,제품,feed,purity", *rows]) + "\n")
    settings = started("--quality", name, "--zone", "UTC")
    (form,) = settings.root.formats
    assert (form.texts, form.results) == (("제품",), ("purity",))
