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

from app.cli import EXAMPLES, main
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
    *("demo", "init", "check", "load", "run", "train", "models", "alerts", "deadletter", "status"),
    *("evaluate", "threshold", "events"),
    *("backup", "restore"),
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


@pytest.mark.parametrize("args", [[], ["nonsense"], ["train"], ["train", "weather"], ["load"], ["check", "--nonsense"]])
def test_wrong_usage_ends_with_code_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(args)
    assert left.value.code == 2
    assert "usage: forewarn" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["check"],
        ["load", "x.csv"],
        ["run"],
        ["train", "failure"],
        ["models", "list"],
        ["alerts", "list"],
        ["deadletter", "list"],
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
    assert "no faults in the files. 3 assets, 6 tags, 2 detectors, 3 rules, 1 notifiers" in capsys.readouterr().out


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
    from alerts.lifecycle import Sample, follow, limits_of

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
