"""The config: what is right loads, what is wrong is told with file, key and rule, all of it at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app.paths import bundled_config
from app.settings import Settings, load
from domain.errors import ConfigError, Fault
from domain.instants import duration_ns
from domain.plant import Axis
from tests.app import tiny_plant as tiny


def _faults(folder: Path, **changed: str) -> tuple[Fault, ...]:
    config = tiny.write(folder, **changed)
    with pytest.raises(ConfigError) as caught:
        load(config)
    return caught.value.faults


def _only(folder: Path, **changed: str) -> Fault:
    faults = _faults(folder, **changed)
    assert len(faults) == 1, [str(f) for f in faults]
    return faults[0]


def _file(fault: Fault) -> str:
    return re.sub(r":\d+$", "", Path(fault.file).name)


def _toml(old: str, new: str) -> str:
    assert old in tiny.FOREWARN
    return tiny.FOREWARN.replace(old, new, 1)


def _rules(old: str, new: str) -> str:
    assert old in tiny.RULES
    return tiny.RULES.replace(old, new, 1)


def _shipped() -> list[Path]:
    return [p for p in (bundled_config() / "demo", bundled_config()) if (p / "forewarn.toml").is_file()]


@pytest.mark.parametrize("folder", _shipped(), ids=lambda p: p.name)
def test_a_shipped_config_loads(folder: Path) -> None:
    settings = load(folder)
    assert isinstance(settings, Settings)
    assert all(r.asset_class in settings.plant.classes for r in settings.rules)


def test_the_demo_has_a_fleet_a_line_and_a_detector_of_each_role() -> None:
    settings = load(bundled_config() / "demo")
    assert len(settings.plant.of_class("turbofan")) > 50
    assert len(settings.plant.of_class("flotation")) == 1
    assert {d.kind for d in settings.root.detectors} == {"failure_lightgbm", "anomaly_hbos", "quality_tournament"}


def test_the_tiny_plant_reads_as_written(plant: Settings) -> None:
    pump = plant.plant.classes["pump"]
    assert (pump.axis, pump.period) == (Axis.TIME, timedelta(minutes=1))
    assert pump.horizon == duration_ns(timedelta(hours=6))
    assert plant.plant.lead_of(tiny.PUMP) == duration_ns(timedelta(minutes=30))
    assert plant.plant.lead_of(tiny.OTHER) == duration_ns(timedelta(minutes=20))
    assert [r.id for r in plant.rules] == ["pressure-high", "purity-low", "pump-odd"]
    assert [r.is_model for r in plant.rules] == [False, False, True]
    assert plant.rules[1].clear_at == plant.rules[1].raise_at == 90.0
    assert plant.zone.key == "Asia/Seoul"


def test_patterns_of_tags_csv_reach_the_assets_they_name(plant: Settings) -> None:
    assert set(plant.plant.tags[tiny.PUMP]) == set(plant.plant.tags[tiny.OTHER]) == {"pressure", "flow"}
    assert set(plant.plant.tags[tiny.LINE]) == {"feed", "purity"}
    flow = plant.plant.tag("plant/pump-2/flow")
    assert flow is not None
    assert (flow.unit, flow.is_controllable, flow.role) == ("m3/h", True, "process")


def test_overrides_lie_over_the_file(tmp_path: Path) -> None:
    settings = load(tiny.write(tmp_path), {"console": {"port": 0}, "data": {"folder": "elsewhere"}})
    assert settings.root.console.port == 0
    assert settings.data_folder == Path("elsewhere")


@pytest.mark.parametrize(
    ("old", "new", "key", "suggestion"),
    [
        ('name = "Tiny"', 'nmae = "Tiny"', "plant.nmae", "name"),
        ("is_enabled = false", "is_enabeld = false", "mqtt.is_enabeld", "is_enabled"),
        ('calculators = "level"', 'calculator = "level"', "features[0].calculator", "calculators"),
        ("[[notifiers]]", "[[notifier]]", "notifier", "notifiers"),
        ('horizon = "6h"', 'horizon = "6h"\nperoid = "1s"', "classes[0].peroid", "period"),
    ],
)
def test_an_unknown_key_names_file_and_key_and_suggests(
    tmp_path: Path, old: str, new: str, key: str, suggestion: str
) -> None:
    faults = [f for f in _faults(tmp_path, forewarn_toml=_toml(old, new)) if f.key == key]
    assert len(faults) == 1
    assert faults[0].file == str(tmp_path / "config" / "forewarn.toml")
    assert f'did you mean "{suggestion}"?' in faults[0].rule


def test_an_unknown_key_of_a_rule_is_told_with_its_file(tmp_path: Path) -> None:
    fault = _only(tmp_path, rules_toml=_rules("on_delay", "on_dleay"))
    assert fault.file.endswith("rules.toml")
    assert fault.key == "rules[0].on_dleay"
    assert 'did you mean "on_delay"?' in fault.rule


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('period = "1min"', 'period = "1 minute"', "classes[0].period", "not a duration"),
        ('horizon = "6h"', "horizon = 6", "classes[0]", "cycles"),
        ('lead = "30min"', 'lead = "6h"', "classes[0]", "shorter"),
        ('lead = "30min"', 'lead = "7h"', "classes[0]", "shorter"),
        ('window = "10min"', "window = 10", "features[0].window", "cycles"),
        ('step = "5min"', 'step = "5 minutes"', "features[0].step", "not a duration"),
        ('asset_class = "pump"', 'asset_class = "pmup"', "features[0].asset_class", '"pump"'),
        ('features = "pump-level"', 'features = "pump-levle"', "detectors[0].features", '"pump-level"'),
        ('features = "pump-level"', 'features = "line-level"', "detectors[0].features", "'line'"),
        ('kind = "anomaly_hbos"', 'kind = "anomaly_hbo"', "detectors[0].kind", '"anomaly_hbos"'),
        ('embargo = "1h"', 'embargo = "soon"', "detectors[1].embargo", "not a duration"),
        ('name = "purity"', 'name = "pump-odd"', "detectors[0].name", "twice"),
        ('zone = "Asia/Seoul"', 'zone = "Asia/Soul"', "plant.zone", '"Asia/Seoul"'),
        ('kind = "log"', 'kind = "pigeon"', "notifiers[0].kind", "webhook"),
        ("[mqtt]", '[console]\ntrusted_proxy = "proxy"\n[mqtt]', "console.trusted_proxy", "address"),
        ("[mqtt]", '[console]\nidle = "30s"\n[mqtt]', "console.idle", "from 1min"),
        ("[mqtt]", '[console]\nsession = "for ever"\n[mqtt]', "console.session", "not a duration"),
        ('zone = "Asia/Seoul"', 'shifts = ["14:00", "06:00"]', "plant.shifts", "in order"),
        ('zone = "Asia/Seoul"', 'shifts = ["6:00"]', "plant.shifts", "06:00"),
        ('zone = "Asia/Seoul"', 'shifts = ["25:00"]', "plant.shifts", ""),
        ("[mqtt]", '[console]\nhost = "example.org"\n[mqtt]', "console.host", ""),
        ("[mqtt]", "[console]\nport = 70000\n[mqtt]", "console.port", ""),
        ('folder = "DATA"', 'folder = "x"\ntelemetry = "duckbd"', "data.telemetry", '"duckdb"'),
    ],
)
def test_a_fault_of_forewarn_toml_names_key_and_rule(tmp_path: Path, old: str, new: str, key: str, said: str) -> None:
    faults = [f for f in _faults(tmp_path, forewarn_toml=_toml(old, new)) if f.key == key]
    assert faults
    assert faults[0].file == str(tmp_path / "config" / "forewarn.toml")
    assert said in faults[0].rule


@pytest.mark.parametrize(
    ("old", "new"),
    [('window = "10min"', 'window = "0s"'), ('step = "5min"', 'step = "0s"'), ('period = "1min"', 'period = "0s"')],
)
def test_a_span_of_nothing_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert _faults(tmp_path, forewarn_toml=_toml(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "line"\nperiod', 'name = "pump"\nperiod'),
        ('name = "line-level"', 'name = "pump-level"'),
        ("[[notifiers]]", '[[notifiers]]\nname = "log"\nkind = "log"\n[[notifiers]]'),
    ],
    ids=["classes", "features", "notifiers"],
)
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert any("twice" in f.rule for f in _faults(tmp_path, forewarn_toml=_toml(old, new)))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_loopback_hosts_are_served(tmp_path: Path, host: str) -> None:
    settings = tiny.settings_in(tmp_path, forewarn_toml=_toml("[mqtt]", f'[console]\nhost = "{host}"\n[mqtt]'))
    assert settings.root.console.host == host


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('axis = "cycle"\nhorizon = 60\nlead = 10', "cycle"),
        ('axis = "cycle"\ncycle = "1h"\nhorizon = "6h"\nlead = 10', "cycle axis takes a number"),
    ],
)
def test_a_class_whose_spans_do_not_fit_its_axis_is_refused(tmp_path: Path, change: str, said: str) -> None:
    faults = _faults(tmp_path, forewarn_toml=_toml('horizon = "6h"\nlead = "30min"', change))
    (fault,) = [f for f in faults if f.key == "classes[0]"]
    assert said in fault.rule


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('watch = "score:pump-odd"', 'watch = "score:pump-od"', "rules[2].watch", '"pump-odd"'),
        ('watch = "tag:pressure"', 'watch = "tag:presure"', "rules[0].watch", '"pressure"'),
        ('watch = "tag:pressure"', 'watch = "pressure"', "rules[0].watch", ""),
        ('watch = "score:pump-odd"', 'watch = "score:purity"', "rules[2].watch", "'line'"),
        ('asset_class = "pump"', 'asset_class = "pum"', "rules[0].asset_class", '"pump"'),
        ('id = "purity-low"', 'id = "pump-odd"', "rules[1].id", "twice"),
        ('on_delay = "3min"', 'on_delay = "three"', "rules[0].on_delay", "not a duration"),
        ("clear = 7.0", "clear = 9.0", "rules[0]", "beyond"),
        ('watch = "score:pump-odd"', 'watch = "tag:flow"', "rules[2]", "needs a score"),
    ],
)
def test_a_fault_of_rules_toml_names_key_and_rule(tmp_path: Path, old: str, new: str, key: str, said: str) -> None:
    faults = [f for f in _faults(tmp_path, rules_toml=_rules(old, new)) if f.key == key]
    assert faults
    assert faults[0].file == str(tmp_path / "config" / "rules.toml")
    assert said in faults[0].rule


def test_a_rule_that_cannot_be_read_does_not_hide_the_faults_of_the_others(tmp_path: Path) -> None:
    text = _rules('on_delay = "3min"', 'on_delay = "three"').replace('"score:pump-odd"', '"score:nosuch"', 1)
    assert {"rules[0].on_delay", "rules[2].watch"} <= {f.key for f in _faults(tmp_path, rules_toml=text)}


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "said"),
    [
        ("plant/pump-1,pump,1,", "plant/pump-1,pumpe,1,", 2, "class", '"pump"'),
        ("plant/pump-2,pump,2,20min", "plant/pump-1,pump,2,", 3, "asset", "twice"),
        ("plant/pump-2,pump,2,20min", "plant/pump-2,pump,2,6h", 3, "(row)", "lead"),
        ("plant/pump-2,pump,2,20min", "plant/pump-2,pump,2,soon", 3, "(row)", "not a duration"),
        ("plant/pump-1,pump,1,", "plant//pump-1,pump,1,", 2, "asset", "non-empty"),
        ("plant/pump-1,pump,1,", "plant/pump-1,pump,1", 2, "(row)", "3 fields where the header has 4"),
        ("plant/pump-1,pump,1,", "plant/pump-1,pump,first,", 2, "(row)", ""),
    ],
)
def test_a_fault_of_assets_csv_names_its_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, said: str
) -> None:
    assert old in tiny.ASSETS
    faults = _faults(tmp_path, assets_csv=tiny.ASSETS.replace(old, new, 1))
    (fault,) = [f for f in faults if f.file == f"{tmp_path / 'config' / 'assets.csv'}:{line}"]
    assert fault.key == key
    assert said in fault.rule


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("class:pump,pressure", "class:pmup,pressure", 2, "matches no asset"),
        ("class:pump,pressure", "class:pmup,pressure", 2, '"class:pump"'),
        ("plant/line-1,feed", "plant/lime-1,feed", 4, '"plant/line-1"'),
        ("flow,m3/h,1min", "pressure,m3/h,1min", 3, "twice"),
        ("0,10,discharge", "10,0,discharge", 2, "not below"),
        ("purity of the product,lab", "purity of the product,lba", 5, '"lab"'),
        ("flow,process,yes", "flow,process,maybe", 3, "neither yes nor no"),
        ("pressure,bar,1min", "pressure,bar,often", 2, "not a duration"),
        ("pressure,bar,1min", "pres/sure,bar,1min", 2, "holds no /"),
        ("pressure,bar,1min", "pressure,bar,1min,,,", 2, "fields where the header has 9"),
    ],
)
def test_a_fault_of_tags_csv_names_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in tiny.TAGS
    faults = _faults(tmp_path, tags_csv=tiny.TAGS.replace(old, new, 1))
    found = [f for f in faults if f.file == f"{tmp_path / 'config' / 'tags.csv'}:{line}"]
    assert found
    assert said in found[0].rule


def test_an_unknown_column_of_tags_csv_is_told_with_a_suggestion(tmp_path: Path) -> None:
    faults = _faults(tmp_path, tags_csv=tiny.TAGS.replace("controllable", "controlable", 1))
    (fault,) = [f for f in faults if f.file.endswith("tags.csv")]
    assert (fault.key, fault.value) == ("(header)", "controlable")
    assert 'did you mean "controllable"?' in fault.rule


@pytest.mark.parametrize(("name", "column"), [("assets", "class"), ("tags", "tag")])
def test_a_column_that_is_missing_is_told(tmp_path: Path, name: str, column: str) -> None:
    text = {"assets": tiny.ASSETS, "tags": tiny.TAGS}[name].replace(f",{column},", ",other,", 1)
    faults = _faults(tmp_path, **{f"{name}_csv": text})
    assert any(f.key == "(header)" and f.value == column and "missing" in f.rule for f in faults)


@pytest.mark.parametrize(("name", "sign"), [("assets", ";"), ("tags", ";"), ("tags", "\t")])
def test_a_table_without_commas_shows_its_header_and_how_to_separate(tmp_path: Path, name: str, sign: str) -> None:
    text = {"assets": tiny.ASSETS, "tags": tiny.TAGS}[name].replace(",", sign)
    found = [f for f in _faults(tmp_path, **{f"{name}_csv": text}) if f.key == "(header)"]
    assert len(found) == 1
    assert found[0].value.startswith(repr(f"asset{sign}")[:-1])
    assert "separated by commas" in found[0].rule


def test_a_missing_column_and_a_short_row_are_both_told(tmp_path: Path) -> None:
    text = tiny.ASSETS.replace(",class,", ",kind,", 1).replace("plant/pump-1,pump,1,", "plant/pump-1,pump,1", 1)
    said = " ".join(str(f) for f in _faults(tmp_path, assets_csv=text))
    assert "this column is missing" in said
    assert "3 fields where the header has 4" in said


@pytest.mark.parametrize("name", ["forewarn.toml", "rules.toml", "assets.csv", "tags.csv"])
def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path, name: str) -> None:
    config = tiny.write(tmp_path)
    (config / name).unlink()
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert [f.rule for f in caught.value.faults if f.file == str(config / name)] == ["the file does not exist"]


@pytest.mark.parametrize("name", ["forewarn.toml", "rules.toml", "assets.csv", "tags.csv"])
def test_a_file_that_is_no_text_is_a_fault_of_that_file(tmp_path: Path, name: str) -> None:
    config = tiny.write(tmp_path)
    (config / name).write_bytes((config / name).read_bytes() + b"\n\xff\xfe\xfa\n")
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert any(f.file.startswith(str(config / name)) for f in caught.value.faults)


def test_toml_that_does_not_parse_is_told_with_the_place(tmp_path: Path) -> None:
    faults = _faults(tmp_path, forewarn_toml=tiny.FOREWARN + "\n[broken\n")
    assert any("not valid TOML" in f.rule and "line" in f.rule for f in faults)


def test_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path,
        forewarn_toml=_toml('kind = "anomaly_hbos"', 'kind = "anomaly_hbo"').replace('embargo = "1h"', 'embargo = "x"'),
        rules_toml=_rules('watch = "tag:pressure"', 'watch = "tag:presure"'),
        assets_csv=tiny.ASSETS + "plant/line-2,lien,4,\n",
        tags_csv=tiny.TAGS + "plant/nowhere,x,,,,,,,\nplant/line-1,short\n",
    )
    assert sorted(map(_file, faults)) == [
        "assets.csv",
        "forewarn.toml",
        "forewarn.toml",
        "rules.toml",
        "tags.csv",
        "tags.csv",
    ]


def test_a_wrong_value_in_forewarn_toml_does_not_hide_faults_of_other_files(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path,
        forewarn_toml=_toml('name = "Tiny"', 'nmae = "Tiny"'),
        rules_toml=_rules("on_delay", "on_dleay"),
        tags_csv=tiny.TAGS + "plant/line-1,short\n",
    )
    assert set(map(_file, faults)) == {"forewarn.toml", "rules.toml", "tags.csv"}


def test_two_wrong_values_of_one_file_are_two_faults(tmp_path: Path) -> None:
    text = _toml('zone = "Asia/Seoul"', 'zone = "Mars/Base"').replace("[mqtt]", "[mqtt]\nport = 0\nqos = 1")
    assert {f.key for f in _faults(tmp_path, forewarn_toml=text)} == {"plant.zone", "mqtt.port", "mqtt.qos"}


def test_a_fault_prints_file_key_value_and_rule() -> None:
    assert str(Fault("a.toml", "x.y", "3", "too small")) == "a.toml: x.y = 3: too small"


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = tiny.settings_in(tmp_path, forewarn_toml=_toml("[mqtt]", '[mqtt]\npassword = "hush-hush"'))
    assert "hush-hush" not in repr(settings.root)


INFLUX = '[influxdb]\npassword_file = "influx.password"\n'


def test_the_password_of_influxdb_comes_from_its_file(tmp_path: Path) -> None:
    config = tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + INFLUX)
    (config / "influx.password").write_text("hush-hush\n")
    settings = load(config)
    assert settings.root.influxdb.password.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(settings.root)


def test_the_environments_password_of_influxdb_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + INFLUX)
    (config / "influx.password").write_text("from-file")
    monkeypatch.setenv("FOREWARN_INFLUXDB_PASSWORD", "from-environment")
    assert load(config).root.influxdb.password.get_secret_value() == "from-environment"


def test_faults_of_influxdb_are_told_with_all_others(tmp_path: Path) -> None:
    text = _toml('zone = "Asia/Seoul"', 'zone = "Mars/Base"')
    section = '[influxdb]\nurl = "http://kim:geheim@db:8086"\ntimeout_s = 0\npassword_file = "none"\npassword = "x"\n'
    faults = _faults(tmp_path, forewarn_toml=text + section)
    assert [f.key for f in faults if f.key == "influxdb.password_file"] == ["influxdb.password_file"] * 2
    assert {f.key for f in faults} == {"plant.zone", "influxdb.url", "influxdb.timeout_s", "influxdb.password_file"}


def test_an_unknown_store_is_told_with_the_nearest(tmp_path: Path) -> None:
    fault = _only(tmp_path, forewarn_toml=_toml("[data]", '[data]\ntelemetry = "influx"'))
    assert "influxdb" in fault.rule


def test_a_config_that_is_no_toml_is_one_fault_and_blames_no_table(tmp_path: Path) -> None:
    fault = _only(tmp_path, forewarn_toml=tiny.FOREWARN + "\n[mqtt\n")
    assert fault.rule.startswith("not valid TOML")


def test_a_missing_table_of_tags_blames_no_renaming(tmp_path: Path) -> None:
    topic = '[[mqtt.topics]]\npattern = "x/{t}"\nasset = "a/{t}"\ntag = "{t}"\nvalue_path = "v"'
    topic = f'\n{topic}\nrename = {{ p = "pressure" }}\n'
    config = tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + topic)
    (config / "tags.csv").unlink()
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert not [x for x in caught.value.faults if ".rename." in x.key]
