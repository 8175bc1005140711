"""The command line: names, helps, exit codes, and what it does not import."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.cli import EXAMPLES, _parser, main
from app.settings import load
from domain.alerting import AlertKey
from tests.app import tiny_plant as tiny

HEAVY = frozenset(
    {
        *("numpy", "pandas", "duckdb", "sqlalchemy", "pydantic", "lightgbm", "sklearn", "tsfresh", "pyod", "dash"),
        *("plotly", "paho", "amqtt", "pyarrow", "sktime", "orjson"),
    }
)
COMMANDS = (
    *("demo", "init", "check", "load", "run", "train", "features", "evaluate", "threshold", "models"),
    *("alerts", "rules", "deadletter", "status", "backup", "restore", "notify", "users", "events", "audit", "report"),
)


@pytest.fixture(autouse=True)
def _signals_and_logs_as_before() -> Iterator[None]:
    held = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    level, handlers = logging.getLogger().level, list(logging.getLogger().handlers)
    yield
    for number, handler in held.items():
        signal.signal(number, handler)
    logging.getLogger().setLevel(level)
    logging.getLogger().handlers[:] = handlers


def _help(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as left:
        main([*args, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(capsys)
    assert set(EXAMPLES) == set(COMMANDS)
    assert [name for name in COMMANDS if not re.search(rf"^ +{name}\b", text, re.MULTILINE)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(capsys, command)
    assert "example:" in text
    assert f"forewarn {command}" in text.partition("example:")[2]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("demo", "init")])
def test_every_command_on_a_plant_takes_its_config_folder(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--config DIR" in _help(capsys, command)


@pytest.mark.parametrize("args", [["--help"], ["load", "--help"], ["demo", "--help"]])
def test_a_help_imports_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys\nfrom app.cli import main\n"
        f"try:\n    main({args!r})\nexcept SystemExit as left:\n    code = left.code\n"
        f"print('LOADED', code, sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0 []"


@pytest.mark.parametrize(
    "args", [[], ["nonsense"], ["train"], ["train", "weather"], ["features"], ["load"], ["check", "--nonsense"]]
)
def test_wrong_usage_ends_with_code_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(args)
    assert left.value.code == 2
    assert "usage: forewarn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["models", "show", "--json", "abc"], {"model": "abc"}),
        (["deadletter", "show", "--json", "7"], {"id": 7}),
        (["users", "add", "--role", "viewer", "kim"], {"name": "kim", "role": "viewer"}),
        (
            ["rules", "preview", "--days", "9", "hot", "raise=85", "title="],
            {"rule": "hot", "settings": ["raise=85", "title="]},
        ),
        (["rules", "preview", "hot", "--days", "9", "raise=85"], {"rule": "hot", "settings": ["raise=85"]}),
        (["models", "list"], {"model": None}),
    ],
)
def test_an_operand_may_stand_after_an_option(args: list[str], named: dict[str, object]) -> None:
    found = vars(_parser().parse_args(args))
    assert {key: found[key] for key in named} == named


@pytest.mark.parametrize("args", [["models", "list", "--json", "a", "b"], ["deadletter", "show", "--json", "x"]])
def test_what_is_no_operand_after_an_option_is_refused(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        _parser().parse_args(args)
    assert left.value.code == 2
    assert args[-1] in capsys.readouterr().err


def test_a_word_that_is_near_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stauts"])
    assert 'did you mean "status"?' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "failures"])
    assert 'did you mean "failure"?' in capsys.readouterr().err


def test_a_port_that_is_none_is_refused_as_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demo", "--port", "70000"])
    assert left.value.code == 2
    assert "--port: '70000' is no port" in capsys.readouterr().err


def test_a_config_folder_that_is_not_there_is_one_fault_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", str(tmp_path / "plnat")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "plnat" in told[0]
    assert "`forewarn init` writes one" in told[0]


def test_a_data_folder_that_cannot_be_made_is_named_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny.write(tmp_path)
    data = load(config).data_folder
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("a file")
    assert main(["status", "--config", str(config)]) == 1
    shown = capsys.readouterr().err
    assert str(data) in shown
    assert "Traceback" not in shown


def test_a_file_of_no_format_is_told_which_names_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.write(tmp_path)
    file = tmp_path / "센서_이력.txt"
    file.write_text("time,pressure\n")
    assert main(["load", "--config", str(config), str(file)]) == 1
    shown = capsys.readouterr().err
    assert "센서_이력.txt; there are:" in shown
    assert all(repr(each.match) in shown for each in load(config).root.formats)


@pytest.mark.parametrize(
    "args",
    [
        ["check"],
        ["load", "x.csv"],
        ["run"],
        ["train", "failure"],
        ["features", "plan"],
        ["models", "list"],
        ["alerts", "list"],
        ["deadletter", "list"],
        ["report", "weekly"],
        ["status"],
        ["backup", "x.tar.gz"],
    ],
    ids=lambda a: a[0],
)
def test_a_bad_config_ends_with_code_2_and_every_fault_on_stderr(
    args: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny.write(
        tmp_path,
        rules_toml=tiny.RULES.replace("tag:pressure", "tag:presure"),
        tags_csv=tiny.TAGS + "plant/line-1,short\n",
    )
    assert main([*args, "--config", str(config)]) == 2
    shown = capsys.readouterr()
    assert "presure" in shown.err
    assert "tags.csv:6" in shown.err
    assert shown.out == ""
    assert not (tmp_path / "data").exists()


def test_a_config_folder_that_is_not_there_ends_with_code_2(tmp_path: Path) -> None:
    assert main(["check", "--config", str(tmp_path / "nowhere")]) == 2


def test_options_that_a_notifier_does_not_take_end_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tiny.FOREWARN.replace('kind = "log"', 'kind = "log"\noptions = { colour = "red" }')
    assert main(["check", "--config", str(tiny.write(tmp_path, forewarn_toml=text))]) == 2
    assert "notifiers[0].options" in capsys.readouterr().err


def test_check_counts_what_the_config_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tiny.write(tmp_path))]) == 0
    assert "no faults in the files. Assets 3, tags 6, detectors 2, rules 3, notifiers 1" in capsys.readouterr().out


def test_load_prints_the_sum_of_each_file_and_refuses_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny.write(tmp_path)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("time,asset,pressure,flow\n2026-01-05T00:00:00+00:00,plant/pump-1,5.0,abc\n")
    bad.write_text("")
    assert main(["load", "--config", str(config), str(good), str(bad)]) == 1
    shown = capsys.readouterr()
    assert "2 items in = 1 stored + 1 rejected + 0 duplicate + 0 conflict" in shown.out
    assert "bad.csv: refused: empty" in shown.err
    assert main(["load", "--config", str(config), str(good)]) == 0
    assert "loaded before" in capsys.readouterr().out
    assert main(["status", "--config", str(config), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["sum"]
    assert (row["received"], row["stored"], row["dead_lettered"], row["difference"]) == (2, 1, 1, 0)


def test_training_without_history_fails_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.write(tmp_path)
    assert main(["train", "anomaly", "--config", str(config)]) == 1
    assert "load history first" in capsys.readouterr().err
    assert main(["train", "failure", "--config", str(config)]) == 2


def test_models_and_alerts_of_a_new_plant_are_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(tiny.write(tmp_path))
    assert main(["models", "list", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["alerts", "list", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["models", "show", "abc", "--config", config]) == 1


def test_an_alert_is_acknowledged_once_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from alerts.following import follow
    from alerts.lifecycle import Sample, limits_of

    config = tiny.write(tmp_path)
    settings = load(config)
    rule = settings.rules[0]
    key = AlertKey(rule.id, tiny.PUMP, rule.watch)
    limits = limits_of(rule, None)
    assert limits is not None
    samples = [Sample(tiny.T0 + timedelta(minutes=m), 9.0) for m in range(5)]
    with tiny.rooms_of(settings) as rooms:
        rooms.ledger.alerting.save(follow(None, samples, limits, rule, key, 0), {}, tiny.T0)
    args = ["--config", str(config)]
    assert main(["alerts", "list", "--json", *args]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["rule"], row["state"], row["raised_at"]) == (
        "pressure-high",
        "active, unacknowledged",
        "2026-01-05T00:03:00+00:00",
    )
    assert main(["alerts", "ack", row["id"], *args]) == 2
    assert main(["alerts", "ack", "0123456789abcdef", "--by", "Kim", *args]) == 1
    assert main(["alerts", "ack", row["id"], "--by", "Kim", *args]) == 0
    assert main(["alerts", "ack", row["id"], "--by", "Kim", *args]) == 1
    capsys.readouterr()
    assert main(["alerts", "list", "--json", *args]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["acked_by"]) == ("active, acknowledged", "Kim")


def _raised(tmp_path: Path) -> tuple[list[str], str]:
    """A plant with one active alert; returns the command line's ending and the alert's id."""
    from app.pipeline import Pipeline

    config = tiny.write(tmp_path)
    with tiny.rooms_of(load(config)) as rooms:
        tiny.accept(rooms, tiny.at(6), tiny.decoded([tiny.point(tiny.PUMP, "pressure", m, 9.0) for m in range(1, 7)]))
        Pipeline(rooms, {}, tiny.T0).tick(tiny.at(6))
        (alert,) = rooms.ledger.alerting.alerts()
    return ["--config", str(config)], alert.id


def test_an_alert_is_shelved_with_a_reason_and_an_end_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args, alert = _raised(tmp_path)
    shelve = ["alerts", "shelve", alert, "--by", "Kim", *args]
    assert main([*shelve, "--until", "2h"]) == 1
    assert main([*shelve, "--reason", "noise"]) == 1
    assert main([*shelve, "--reason", "noise", "--until", "2020-01-01T00:00"]) == 1
    assert main([*shelve, "--reason", "noise", "--until", "2020-01-01T00:00Z"]) == 1
    said = capsys.readouterr().err
    assert [word for word in ("reason", "--until", "no time zone", "past") if word not in said] == []
    assert main([*shelve, "--reason", "noise", "--until", "2h"]) == 0
    assert main(["alerts", "comment", alert, "--by", "Lee", "--reason", "looked", *args]) == 0
    capsys.readouterr()
    assert main(["alerts", "list", "--json", "--state", "shelved", *args]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["held_by"], row["cause"], row["is_active"]) == ("shelved", "Kim", "noise", True)
    assert main(["alerts", "list", "--json", "--priority", "low", *args]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["alerts", "unshelve", alert, "--by", "Kim", *args]) == 0
    assert (
        main(["alerts", "out-of-service", "purity-low", "--asset", tiny.LINE, "--by", "K", "--reason", "x", *args]) == 0
    )
    assert main(["alerts", "in-service", "purity-low", "--asset", tiny.LINE, "--by", "K", *args]) == 0
    assert main(["alerts", "reset", alert, "--by", "Kim", *args]) == 1


def test_alarm_figures_are_printed_by_position(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args, _ = _raised(tmp_path)
    assert main(["alerts", "performance", "--days", "4000", *args]) == 0
    said = capsys.readouterr().out
    assert "(no owner): 1 alarms" in said
    assert "pressure-high" in said
    assert tiny.PUMP in said
    assert main(["alerts", "performance", "--days", "4000", "--json", *args]) == 0
    assert json.loads(capsys.readouterr().out)["positions"][0]["burden"]["n"] == 1


def test_a_rule_is_tried_changed_and_changed_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args, _ = _raised(tmp_path)
    path = tmp_path / "config" / "rules.toml"
    before = path.read_text(encoding="utf-8")
    assert main(["rules", "list", *args]) == 0
    assert "pressure-high" in capsys.readouterr().out
    assert main(["rules", "preview", "pressure-high", "raise=9.5", *args]) == 0
    assert "pressure-high.raise: 8.0 -> 9.5" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before
    assert main(["rules", "set", "pressure-high", "raise=9.5", *args]) == 2
    assert main(["rules", "set", "pressure-high", "raise=6", "--by", "Kim", "--reason", "x", *args]) == 2
    assert main(["rules", "set", "pressure-high", "raise=9.5", "--by", "Kim", "--reason", "summer", *args]) == 0
    assert load(tmp_path / "config").rules[0].raise_at == 9.5
    capsys.readouterr()
    assert main(["rules", "history", "pressure-high", "--json", *args]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["by"], row["why"], row["changes"]) == ("Kim", "summer", [["pressure-high", "raise", 8.0, 9.5]])
    assert "alerts" in row["preview"]["said"]
    assert main(["rules", "undo", str(row["id"]), "--by", "Lee", "--reason", "autumn", *args]) == 0
    assert path.read_text(encoding="utf-8") == before
    assert main(["rules", "undo", "99", "--by", "Lee", "--reason", "autumn", *args]) == 1
