"""First use: what is compiled is told once, before; and after warming no window of any kind meets a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from features.extract import planned
from features.warming import warm
from tests.features.test_existence import NAMES

FIRST_USE = """
import logging
from domain.vectors import FeatureName
from features.extract import planned
logging.basicConfig(level=logging.INFO, format="%(message)s")
names = tuple(FeatureName("tag", tag, c) for tag in ("a", "b") for c in ("mean", "variance"))
planned(names, ("a", "b"))
planned(names[:1], ("a", "b"))
"""

AFTER_WARMING = """
import sys
import numpy as np
from features import kernels
from features.extract import planned
from tests.features.test_existence import NAMES
from tests.features.kernels import windows

def loaded():
    parts = [m for name, m in sys.modules.items() if name.startswith("features.kernels")]
    found = {(m.__name__, name): thing for m in parts for name, thing in vars(m).items()}
    return {k: len(thing.signatures) for k, thing in found.items() if hasattr(thing, "signatures")}

(bundle,) = planned(NAMES, ("a",)).bundles
before = loaded()
for n in (3, 4, 5, 10, 24, 60):
    for _, x in windows.kinds(n):
        for run in bundle.prepared(n):
            run(kernels.Block(np.ascontiguousarray(x)), np.empty((len(x), bundle.width)))
after = loaded()
print("COMPILED", len(before), sum(before.values()) > 20, sorted(k for k in after if after[k] != before.get(k)))
"""


COMPILED_WITH_ITS_CALLER = (
    "('features.kernels.dickey_fuller', '_pvalue')"  # so it is only loaded, where Python calls it
)


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )


def test_compiling_is_told_once_and_only_where_nothing_is_kept(tmp_path: Path) -> None:
    first, second = (_run(FIRST_USE, XDG_CACHE_HOME=str(tmp_path)).stderr.splitlines() for _ in range(2))
    (line,) = first
    assert line.startswith("compiling feature kernels, once per version, about 2 s groups=moments ")
    assert str(tmp_path) in line
    assert second == []


def test_after_warming_no_window_of_any_kind_needs_another_kernel() -> None:
    said = _run(AFTER_WARMING).stdout.splitlines()[-1]
    assert said.startswith("COMPILED ")
    assert said.replace(COMPILED_WITH_ITS_CALLER, "").endswith(" True []"), said


def test_warming_ends_between_groups_where_it_is_told_to_stop() -> None:
    asked: list[int] = []

    def is_stopping() -> bool:
        asked.append(1)
        return len(asked) == 3

    warm(planned(NAMES, ("a",)), is_stopping)
    assert len(asked) == 3
