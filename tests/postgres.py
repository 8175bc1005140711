"""A private PostgreSQL server for tests: a cluster in a folder of its own, on loopback, with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.ledger_settings import LedgerSettings
from tests.conftest import free_port

PASSWORD = "not a secret: it guards a server that lives for one test run"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server."""

    programs: Path
    folder: Path
    port: int
    environment: Mapping[str, str]

    def ledger(self, database: str) -> LedgerSettings:
        """Make an empty database; returns the settings that reach it."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "forewarn"]
        self.run("createdb", *where, "-T", "template0", database)
        url = f"postgresql://forewarn@127.0.0.1:{self.port}/{database}"
        return LedgerSettings(url=url, password=SecretStr(PASSWORD), connect_timeout_s=5)

    def run(self, program: str, *args: str) -> None:
        """Run one of PostgreSQL's programs."""
        _run([str(self.programs / program), *args], self.folder, self.environment)

    def control(self, *args: str) -> None:
        """Run pg_ctl on the cluster."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-s", *args)

    def start(self) -> None:
        """Start the server."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.control("-l", str(self.folder / "log"), "-o", options, "start")


@contextmanager
def started(_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a server; skips the test where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (initdb was not found)")
    # Not below pytest's folders: those are closed to other users, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="forewarn-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if os.getuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres", "postgres")
    environment = {"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    cluster = Cluster(programs, folder, free_port(), environment)
    try:
        password_file = f"--pwfile={folder / 'password'}"
        cluster.run("initdb", "-D", str(folder / "data"), "-U", "forewarn", "-A", "scram-sha-256", password_file, "-N")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *([Path(on_path).resolve()] if on_path else [])]
    return found[0].parent if found else None


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    user = "postgres" if os.getuid() == 0 else None
    done = subprocess.run(
        command, user=user, group=user, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
