"""Passwords from the environment and from files, and none of them shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import secrets
from app.settings import load
from domain.errors import ConfigError
from tests.app import tiny_plant as tiny

LEDGER = '\n[ledger]\nurl = "postgresql://forewarn@db.example.com/forewarn"\n'


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from the file\n")
    for variables, expected in (({}, "from the file"), ({"LEDGER": "from outside"}, "from outside")):
        data = {"ledger": {"password_file": "password"}}
        assert secrets.fill_in(data, "ledger", "LEDGER", variables, tmp_path / "forewarn.toml") == []
        assert data["ledger"]["password"] == expected


def test_a_password_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    config = tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + LEDGER + f'password_file = "{tmp_path}/nowhere"\n')
    with pytest.raises(ConfigError) as said:
        load(config)
    (fault,) = said.value.faults
    assert (fault.key, fault.value) == ("ledger.password_file", f"{tmp_path}/nowhere")


def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    config = tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + LEDGER.replace("forewarn@", "forewarn:hunter2@"))
    with pytest.raises(ConfigError, match="takes no password") as said:
        load(config)
    assert "hunter2" not in str(said.value)


def test_the_ledgers_password_is_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREWARN_LEDGER_PASSWORD", "hunter2")
    settings = load(tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + LEDGER))
    assert settings.root.ledger.password.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings.root!r} {settings.root.model_dump()}"


def test_secrets_in_plain_are_named() -> None:
    data = {
        "mqtt": {"password": "x", "username": "u"},
        "ledger": {"password": "", "password_file": "f"},
        "notifiers": [{"name": "a"}, {"options": {"api_token": "t"}}],
    }
    assert list(secrets.in_plain(data)) == ["mqtt.password", "notifiers[1].options.api_token"]
