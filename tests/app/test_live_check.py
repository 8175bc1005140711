"""`forewarn check --live`: every finding on stdout with what to do, exit code 1 where something is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.cli import main
from app.commands.check import live
from app.paths import bundled_config
from collectors.probe import Finding
from tests.collectors.brokers import PASSWORD, USER, broker, shipped_config


def config(folder: Path, port: int) -> str:
    made = folder / "config"
    shutil.copytree(bundled_config(), made)
    file = made / "forewarn.toml"
    text = file.read_text(encoding="utf-8")
    before, section, mqtt = text.partition("[mqtt]")
    mqtt = mqtt.replace("port = 1883", f"port = {port}").replace('username = ""', f'username = "{USER}"', 1)
    text = before + section + mqtt
    file.write_text(text.replace('folder = ".forewarn"', f'folder = "{folder / "data"}"'), encoding="utf-8")
    return str(made)


def test_shipped_broker_and_stores_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOREWARN_MQTT_PASSWORD", PASSWORD)
    with broker(tmp_path / "mosquitto", shipped_config(tmp_path / "mosquitto")) as port:
        folder = config(tmp_path, port)
        assert main(["check", "--live", "--config", folder]) == 0
        said = capsys.readouterr().out
        assert "FAULT" not in said
        assert "ok    queue" in said
        assert "ok    telemetry    duckdb opens and holds 0 points" in said
        monkeypatch.setenv("FOREWARN_MQTT_PASSWORD", "wrong")
        assert main(["check", "--live", "--config", folder]) == 1
        said = capsys.readouterr().out
        assert "FAULT broker" in said
        assert "-> check [mqtt] username and password" in said
        assert PASSWORD not in said
        assert main(["check", "--config", folder]) == 0


@pytest.mark.parametrize(("n", "said"), [(0, "no faults"), (1, "1 fault"), (2, "2 faults")])
def test_the_last_line_says_that_it_speaks_of_the_live_part(
    n: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live([Finding("broker", True, "no answer")] * n) == int(n > 0)
    assert capsys.readouterr().out.splitlines()[-1] == f"live: {said} at broker and stores"
