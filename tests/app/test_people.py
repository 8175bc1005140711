"""`forewarn users` and `forewarn audit`, and what else on the command line is recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app import auditing
from app.cli import main
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.console import console
from app.people import system_user
from app.rooms import opened
from app.settings import load
from domain.audit import Action
from domain.errors import ConfigError
from tests.app import tiny_plant as tiny


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(tiny.write(tmp_path))


def run(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    assert main(list(args)) == code
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_users_are_added_listed_and_changed_and_each_is_recorded(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def users(*args: str, code: int = 0) -> str:
        return run(capsys, "users", *args, "--config", config, code=code)

    assert "no users" in users("list")
    first = re.search(r"one-time password (\w{20})\b", users("add", "Kim", "--role", "admin"))
    assert first is not None
    assert first[1] not in users("list")
    assert "kim already" in users("add", "kim", "--role", "viewer", code=1)
    assert "admin before, viewer from now on" in users("role", "kim", "--role", "viewer")
    again = re.search(r"one-time password (\w{20})\b", users("password", "kim"))
    assert again is not None
    assert again[1] != first[1]
    assert "disabled" in users("disable", "kim")
    (row,) = json.loads(users("list", "--json"))
    assert (row["name"], row["role"], row["is_disabled"], row["must_change"]) == ("kim", "viewer", True, True)
    assert "enabled" in users("enable", "kim")
    assert "no user 'lee'" in users("disable", "lee", code=1)
    assert "which one?" in users("add", code=2)
    assert "which role?" in users("add", "lee", code=2)
    deeds = json.loads(run(capsys, "audit", "list", "--json", "--config", config))
    assert [(d["action"], d["old"], d["new"]) for d in deeds] == [
        ("user enabled", "", ""), ("user disabled", "", ""), ("password reset", "", ""),
        ("user's role changed", "admin", "viewer"), ("user added", "", "admin"),
    ]  # fmt: skip
    who = system_user()
    assert {(d["by"], d["subject"], d["origin"]) for d in deeds} == {(who.name, "kim", "command line")}
    assert all(d["at"].endswith("+00:00") for d in deeds)


def test_verify_finds_a_change_and_a_noted_head(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "users", "add", "kim", "--role", "admin", "--config", config)
    said = run(capsys, "audit", "verify", "--config", config)
    assert "1 rows, none changed" in said
    head = said.split()[-1]
    assert main(["audit", "verify", "--head", head, "--config", config]) == 0
    assert "is not a head" in run(capsys, "audit", "verify", "--head", "x", "--config", config, code=2)
    with opened(load(Path(config)), telemetry=False) as rooms, rooms.ledger._db.begin() as connection:
        connection.exec_driver_sql("update audit set by = 'somebody else'")
    said = run(capsys, "audit", "verify", "--config", config, code=1)
    assert "row 1: changed" in said
    assert "the audit log was changed" in said


def test_a_name_with_a_line_in_it_is_one_line(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a name has" in run(capsys, "users", "add", "kim\nroot", "--role", "admin", "--config", config, code=1)


def test_a_change_of_the_config_is_recorded_at_the_next_start(config: str) -> None:
    folder, now = Path(config), SystemClock().now()
    with opened(load(folder), telemetry=False) as rooms:
        auditing.note_config(rooms, now)
        auditing.note_config(rooms, now)
        assert rooms.ledger.audit.deeds() == []
        (folder / "rules.toml").write_text((folder / "rules.toml").read_text() + "\n# one more line\n")
        auditing.note_config(rooms, now)
        (deed,) = rooms.ledger.audit.deeds()
    assert (deed.action, deed.subject, deed.by) == (Action.CONFIG_CHANGED, "rules.toml", system_user().name)
    assert deed.old != deed.new


def test_a_backup_is_recorded(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "backup", str(tmp_path / "b.tar.gz"), "--config", config)
    with opened_for(load(Path(config)), telemetry=False) as rooms:
        (deed,) = rooms.ledger.audit.deeds()
    assert (deed.action, deed.subject) == (Action.BACKED_UP, str(tmp_path / "b.tar.gz"))


def test_a_restore_is_recorded_in_the_ledger_that_it_brings(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "users", "add", "kim", "--role", "admin", "--config", config)
    run(capsys, "backup", str(tmp_path / "b.tar.gz"), "--config", config)
    run(capsys, "restore", str(tmp_path / "b.tar.gz"), "--force", "--config", config)
    with opened_for(load(Path(config)), telemetry=False) as rooms:
        assert [d.action for d in rooms.ledger.audit.deeds()] == [Action.RESTORED, Action.USER_ADDED]
        assert rooms.ledger.audit.faults() == []


@pytest.mark.parametrize(("key", "value"), [("host", "0.0.0.0"), ("host", "::"), ("trusted_proxy", "127.0.0.1")])
def test_other_machines_are_served_only_where_there_are_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: str
) -> None:
    toml = tiny.FOREWARN.replace("[mqtt]", f'[console]\n{key} = "{value}"\n[mqtt]')
    folder = tiny.write(tmp_path, forewarn_toml=toml)
    with opened(load(folder)) as rooms:
        with pytest.raises(ConfigError, match=rf"console.{key} = {value}.*users add"):
            console(rooms, SystemClock(), lambda: "")
        run(capsys, "users", "add", "kim", "--role", "admin", "--config", str(folder))
        console(rooms, SystemClock(), lambda: "")
        run(capsys, "users", "disable", "kim", "--config", str(folder))
        with pytest.raises(ConfigError):
            console(rooms, SystemClock(), lambda: "")
