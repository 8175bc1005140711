"""What deploy/ and docs/operating.md name exists: commands, config keys, variables, files."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli import EXAMPLES, _parser
from app.settings import Root
from store import POINT_STORES
from tests.architecture.product import ROOT

DEPLOY = ROOT / "deploy"
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "forewarn.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_units_command_is_one_of_ours(unit: dict[str, list[str]]) -> None:
    program, *args = unit["ExecStart"][0].split()
    assert Path(program).name == "forewarn"
    assert _parser().parse_args(args).command == "run"


def test_the_unit_gives_away_no_right_and_no_secret(unit: dict[str, list[str]]) -> None:
    assert unit["User"] == ["forewarn"]
    assert unit["CapabilityBoundingSet"] == [""]
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectKernelTunables", "RestrictSUIDSGID"):
        assert unit[key] == ["true"], key
    assert unit["ProtectSystem"] == ["strict"]
    assert "Environment" not in unit
    assert not re.search(r"(?i)password\s*=\s*[\"']?\w", (DEPLOY / "forewarn.service").read_text().replace("_file", ""))


def test_a_config_fault_is_not_tried_again(unit: dict[str, list[str]]) -> None:
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "forewarn.service").read_text(encoding="utf-8")
    file = tmp_path / "forewarn.service"
    program = Path(sys.executable).parent / "forewarn"
    file.write_text(text.replace("/opt/forewarn/bin/forewarn", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if "forewarn.service" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_composes_secrets_and_volumes_are_declared(compose: Any) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or source.startswith("./"), volume
        assert set(service.get("depends_on", ())) <= set(services)
        assert service["healthcheck"]["test"][0] == "CMD"
    assert all(value["file"].startswith("./secrets/") for value in compose["secrets"].values())


def test_compose_uses_the_files_that_are_shipped(compose: Any) -> None:
    mounted = [v.partition(":")[0] for s in compose["services"].values() for v in s["volumes"]]
    shipped = [m for m in mounted if m.startswith("./mosquitto/")]
    assert {Path(m).name for m in shipped} == {path.name for path in (DEPLOY / "mosquitto").iterdir()}
    assert all((DEPLOY / m).is_file() for m in shipped)
    assert (DEPLOY / compose["services"]["forewarn"]["build"]["context"] / "deploy" / "Dockerfile").is_file()


def test_the_folders_that_are_written_to_are_made_for_their_users(unit: dict[str, list[str]], compose: Any) -> None:
    made = {
        path: (owner, mode)
        for owner, mode, path in re.findall(r"^install -d -o (\w+) -g \w+ -m (\d+) (\S+)", OPERATING, re.MULTILINE)
    }
    opened = [path.lstrip("-") for path in unit["ReadWritePaths"]]
    state = f"/var/lib/{unit['StateDirectory'][0]}"
    for path in opened:
        assert made[path][0] == unit["User"][0], path
        assert not path.startswith(state)  # which nobody else may enter
    user = re.findall(r"--uid (\d+)", (DEPLOY / "Dockerfile").read_text())[0]
    mounted = [v for v in compose["services"]["forewarn"]["volumes"] if v.startswith("./") and not v.endswith(":ro")]
    for volume in mounted:
        assert made[f"deploy/{volume[2:].partition(':')[0]}"][0] == user, volume
    inboxes = {path: mode for path, (_, mode) in made.items() if "inbox" in path}
    assert len(inboxes) == 2
    assert set(inboxes.values()) == {"2770"}


def test_composes_commands_are_ours(compose: Any) -> None:
    program, *args = compose["services"]["forewarn"]["healthcheck"]["test"][1:]
    assert program == "forewarn"
    assert _parser().parse_args(args).command == "status"
    entry = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert _parser().parse_args(yaml.safe_load(entry[0])).command == "run"


def test_compose_holds_no_password(compose: Any) -> None:
    for service in compose["services"].values():
        assert not [key for key in service.get("environment", {}) if "PASSWORD" in key]


def test_composes_config_has_no_key_that_the_settings_lack(compose: Any) -> None:
    if "influxdb" not in POINT_STORES:
        pytest.skip("telemetry on InfluxDB is not part of this version")
    data = tomllib.loads((DEPLOY / "compose.toml").read_text(encoding="utf-8"))
    root = Root.model_validate(data)
    folders = [v.split(":")[1] for v in compose["services"]["forewarn"]["volumes"]]
    assert Path(root.data.folder).parent.as_posix() in folders  # the volume itself cannot be moved aside by a restore
    assert root.inbox.is_enabled
    assert root.inbox.folder in folders
    secrets = {f"/run/secrets/{name}" for name in compose["services"]["forewarn"]["secrets"]}
    assert {section["password_file"] for section in data.values() if "password_file" in section} == secrets


def test_the_image_copies_what_the_package_needs() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {line[1:] for line in lines if line.startswith("!")}
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert copied >= {*built["packages"], *built["force-include"], "pyproject.toml", "constraints.txt", "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)


def test_the_wheel_holds_the_migrations() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "store" in built["packages"]
    assert (ROOT / "store" / "migrations" / "script.py.mako").is_file()


def test_every_command_in_the_operating_page_exists() -> None:
    said = re.findall(r"^(?:sudo (?:-u \w+ )?)?(?:/opt/forewarn/bin/)?forewarn (\w+)(.*)$", OPERATING, re.MULTILINE)
    assert {command for command, _ in said} >= {"check", "backup", "restore"}
    for command, rest in said:
        assert command in EXAMPLES, command
        _parser().parse_args([command, *rest.partition("#")[0].split()])


def test_every_key_in_the_operating_page_exists() -> None:
    named = re.findall(r"`\[(\w+)\] (\w+)", OPERATING)
    assert len(named) >= 5
    for section, key in named:
        if section == "influxdb" and "influxdb" not in POINT_STORES:
            continue
        assert key in type(getattr(Root(), section)).model_fields, f"[{section}] {key}"


def test_every_variable_in_the_operating_page_is_read() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    for name in set(re.findall(r"FOREWARN_\w+", OPERATING)) - {"FOREWARN_INFLUXDB_PASSWORD"}:
        assert name in sources, name


def test_the_unit_can_be_read_as_an_ini_file() -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read(DEPLOY / "forewarn.service")
    assert parser.sections() == ["Unit", "Service", "Install"]
