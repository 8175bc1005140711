"""A real VictoriaMetrics, a second reader of the line protocol."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[int]:
    """Yield the port of a server of the test's own."""
    program = shutil.which("victoria-metrics")
    if program is None:
        pytest.skip("victoria-metrics is not installed")
    port = free_port()
    command = [program, f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, "-retentionPeriod=100y"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    pytest.fail("victoria-metrics does not answer")
                time.sleep(0.05)
            else:
                break
        yield port
    finally:
        process.kill()
        process.wait(timeout=10)
