"""docs/your-own-plant.md, command by command: what the page shows is what comes out."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "your-own-plant.md"
FOREWARN = str(Path(sys.executable).parent / "forewarn")
PROGRAMS = {"python": sys.executable, "forewarn": FOREWARN}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def steps(page: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the page's console blocks with the lines shown below it."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, *shown = part.splitlines()
            yield command, [line for line in shown if line != "..."]


def comes_in(shown: str, told: str) -> bool:
    """Return whether a shown line, in which `...` stands for anything, is among the lines told."""
    pattern = ".*".join(re.escape(piece) for piece in shown.split("..."))
    return any(re.fullmatch(pattern, line) for line in told.splitlines())


@pytest.mark.timeout(600)
def test_every_command_of_the_page_does_what_the_page_shows(tmp_path: Path) -> None:
    found = list(steps(PAGE.read_text(encoding="utf-8")))
    assert [command.split()[:2] for command, _ in found][1:4] == [["forewarn", n] for n in ("init", "check", "load")]
    for command, shown in found:
        program, *args = shlex.split(command)
        if args[0] == "run":
            assert "line-1" in console_of(tmp_path, [PROGRAMS[program], *args])
            continue
        done = subprocess.run(
            [PROGRAMS[program], *args],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert [line for line in shown if not comes_in(line, done.stdout)] == [], f"{command}\n{done.stdout}"


def console_of(folder: Path, command: list[str]) -> str:
    """Start the service on a free port, and return the overview that its console shows."""
    with (folder / "oven" / "forewarn.toml").open("a", encoding="utf-8") as file:
        file.write("\n[console]\nport = 0\n")
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as service:
        try:
            address = next(m[0] for line in service.stderr or () if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
            return overview(address)
        finally:
            service.send_signal(signal.SIGINT)
            (service.stderr or sys.stdin).read()
            assert service.wait(30) == 0


def overview(address: str) -> str:
    body = {
        "output": "shell.children",
        "outputs": {"id": "shell", "property": "children"},
        "inputs": [
            {"id": "url", "property": "pathname", "value": "/"},
            {"id": "url", "property": "search", "value": ""},
        ],
        "changedPropIds": ["url.pathname"],
    }
    asked = urllib.request.Request(
        f"{address}/_dash-update-component",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Forewarn": "1"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return str(answer.read().decode())
