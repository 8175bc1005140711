"""The files that `[mqtt]` names: found beside the config, read once, and every fault told with its key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.paths import bundled_config
from app.settings import Settings, load
from domain.errors import ConfigError
from tests.collectors.brokers import Authority


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FOREWARN_MQTT_PASSWORD", raising=False)
    made = tmp_path / "config"
    shutil.copytree(bundled_config(), made)
    return made


def change(folder: Path, *changes: tuple[str, str]) -> None:
    file = folder / "forewarn.toml"
    text = file.read_text(encoding="utf-8")
    head, mark, mqtt = text.partition("[mqtt]")
    for old, new in changes:
        assert old in mqtt
        mqtt = mqtt.replace(old, new, 1)
    file.write_text(head + mark + mqtt, encoding="utf-8")


def password(settings: Settings) -> str:
    return settings.root.mqtt.password.get_secret_value()


def faults(folder: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        load(folder)
    return {fault.key: fault.rule for fault in error.value.faults}


def test_password_is_read_from_its_file_and_the_environment_comes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, ('password_file = ""', 'password_file = "mqtt.password"'))
    (folder / "mqtt.password").write_text("von der Datei\n", encoding="utf-8")
    assert password(load(folder)) == "von der Datei"
    monkeypatch.setenv("FOREWARN_MQTT_PASSWORD", "of the environment")
    assert password(load(folder)) == "of the environment"


def test_password_file_that_cannot_be_read_is_a_fault(folder: Path) -> None:
    change(folder, ('password_file = ""', 'password_file = "nowhere"'))
    assert "cannot be read" in faults(folder)["mqtt.password_file"]


def test_password_in_two_places_is_a_fault_that_does_not_show_it(folder: Path) -> None:
    change(folder, ('password = ""', 'password = "hush-1"'), ('password_file = ""', 'password_file = "p"'))
    (folder / "p").write_text("hush-2")
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert "keep one" in str(error.value)
    assert "hush" not in str(error.value)


def test_fault_of_the_whole_section_does_not_show_the_password(folder: Path) -> None:
    change(folder, ('password = ""', 'password = "hush"'), ('share = ""', 'share = "line"'))
    file = folder / "forewarn.toml"
    head, mark, sparkplug = file.read_text().partition("[mqtt.sparkplug]")
    file.write_text(head + mark + sparkplug.replace("is_enabled = false", "is_enabled = true", 1))
    with pytest.raises(ConfigError) as error:
        load(folder)
    assert "cannot be shared" in str(error.value)
    assert "hush" not in str(error.value)


def test_certificates_are_found_beside_the_config(folder: Path) -> None:
    authority = Authority.of(folder / "certificates")
    authority.issue("collector", "collector")
    change(
        folder,
        ("is_enabled = false", "is_enabled = true"),
        ('ca_file = ""', 'ca_file = "certificates/ca.pem"'),
        ('certificate_file = ""', 'certificate_file = "certificates/collector.crt"'),
        ('key_file = ""', 'key_file = "certificates/collector.key"'),
    )
    assert Path(load(folder).root.mqtt.tls.ca_file) == folder / "certificates" / "ca.pem"
    (folder / "certificates" / "ca.pem").write_text("not PEM")
    (folder / "certificates" / "collector.key").unlink()
    found = faults(folder)
    assert "no certificate in PEM form" in found["mqtt.tls.ca_file"]
    assert "cannot be read" in found["mqtt.tls.key_file"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('certificate_file = ""', 'certificate_file = "x"', "mqtt.tls"),
        ('ca_file = ""', 'ca_file = "x"', "mqtt.tls"),
        ('asset = "example/{line}/{machine}"', 'asset = "example/{lane}/{machine}"', "mqtt.topics[0]"),
        ('pattern = "example/{line}/', 'pattern = "$example/{line}/', "mqtt.topics[0].pattern"),
        ('value_path = "value"', 'value_path = "a..b"', "mqtt.topics[0].value_path"),
        ('time_path = "ts"', 'time_pth = "ts"', "mqtt.topics[0].time_pth"),
        ('groups = ["+"]', 'groups = ["a/b"]', "mqtt.sparkplug.groups"),
        ('share = ""', 'share = "a/b"', "mqtt.share"),
        ('oil_temp = "oil_temperature"', 'oil_temp = "oil_temprature"', "mqtt.topics[0].rename.oil_temp"),
        ('asset = "example/{line}/{machine}"', 'asset = "example/line-1/press-1"', "mqtt.topics[0].asset"),
    ],
)
def test_fault_is_named_by_its_key(folder: Path, old: str, new: str, key: str) -> None:
    change(folder, (old, new))
    assert key in faults(folder)
