"""The examination of real brokers: the default config loses a queue and is told so, the shipped one passes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import paho.mqtt.publish as paho_publish
import pytest

from collectors.connection import talk
from collectors.probe import N_QUEUED, Finding, examine
from collectors.settings import MqttSettings
from tests.collectors.brokers import PASSWORD, USER, broker, shipped_config
from tests.collectors.plants import NOW, PLANT, PRESS
from tests.collectors.test_mqtt import StoppedClock
from tests.conftest import free_port

DEFAULT = "listener {port} 127.0.0.1\nallow_anonymous true\n"


@pytest.fixture
def default_port(tmp_path: Path) -> Iterator[int]:
    """A mosquitto as it comes."""
    with broker(tmp_path / "mosquitto", DEFAULT) as port:
        yield port


def examined(settings: MqttSettings) -> dict[str, Finding]:
    found = {}
    for finding in examine(settings, PLANT, StoppedClock()):
        if not found.get(finding.subject, finding).is_fault or finding.is_fault:
            found[finding.subject] = finding
    return found


def faults(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.is_fault}


def test_default_broker_is_found_to_lose_a_queue(default_port: int) -> None:
    found = examined(MqttSettings(port=default_port))
    assert faults(found) == {"queue"}
    assert f"of {N_QUEUED} messages" in found["queue"].text
    assert found["queue"].text.endswith("kept 1000")
    assert "max_queued_messages 0" in found["queue"].advice
    assert not found["delivery"].is_fault


def test_shipped_broker_passes(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    with broker(folder, shipped_config(folder)) as port:
        found = examined(MqttSettings(port=port, username=USER, password=PASSWORD))
        assert faults(found) == set()
        assert f"kept {N_QUEUED}" in found["queue"].text
        assert set(found) == {"broker", "subscription", "retained", "clock", "delivery", "session", "queue"}


def test_access_list_that_denies_though_it_grants_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    config = shipped_config(folder)
    subprocess.run(
        ["mosquitto_passwd", "-b", str(folder / "forewarn.passwd"), "gateway-1", "x"], check=True, timeout=20
    )
    with broker(folder, config) as port:
        found = examined(MqttSettings(port=port, username="gateway-1", password="x"))
    assert "delivery" in faults(found)
    assert "ACL" in found["delivery"].advice


def test_wrong_password_and_missing_broker_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    with broker(folder, shipped_config(folder)) as port:
        found = examined(MqttSettings(port=port, username=USER, password="wrong"))
    assert faults(found) == {"broker"}
    assert "password" in found["broker"].advice
    nobody = examined(MqttSettings(port=free_port()))
    assert faults(nobody) == {"broker"}
    assert "host and port" in nobody["broker"].advice


def test_retained_messages_are_counted_with_the_oldest(default_port: int) -> None:
    for i, tag in enumerate(("force", "temp")):
        at = (NOW - timedelta(days=30 * i)).isoformat()
        paho_publish.single(
            f"forewarn/point/{PRESS}/{tag}", f'{{"at": "{at}", "value": 1}}', 1, True, "127.0.0.1", default_port
        )
    found = examined(MqttSettings(port=default_port))
    assert "2 retained messages" in found["retained"].text
    assert (NOW - timedelta(days=30)).isoformat() in found["retained"].text


def test_the_probe_leaves_no_session_behind(default_port: int) -> None:
    settings = MqttSettings(port=default_port)
    examined(settings)
    with talk(settings, "forewarn-collector-probe", is_clean=False) as opened:
        assert not opened.has_session
