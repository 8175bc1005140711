"""The import contracts hold, and a planted violation of each kind breaks them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import product

LINT = Path(sys.executable).parent / "lint-imports"
DOWN = "Imports go down only; siblings do not know each other"
DATABASES = "Databases are known in store/ only"
DOMAIN = "The domain knows the standard library and numpy only"
LEARNERS = "tsfresh is known in features/ only"


def _lint(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(LINT), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "300", "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in product.PACKAGES:
        shutil.copytree(product.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(product.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_contract_is_kept() -> None:
    code, said = _lint(product.ROOT)
    assert code == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("features/windows.py", "import store", DOWN),
        ("domain/points.py", "import features.lab", DOWN),
        ("app/clock.py", "import duckdb", DATABASES),
        ("domain/plant.py", "import pydantic", DOMAIN),
        ("reports/outcome.py", "import lightgbm", LEARNERS),
    ],
)
def test_a_planted_violation_is_found_by_the_contract_it_breaks(
    module: str, line: str, contract: str, copy: Path
) -> None:
    source = (copy / module).read_text()
    marker = "from __future__ import annotations\n"
    assert marker in source
    (copy / module).write_text(source.replace(marker, f"{marker}\n{line}\n", 1))
    code, said = _lint(copy)
    assert code != 0
    broken = said.partition("Broken contracts")[2]
    assert contract in broken, said
    assert module.removesuffix(".py").replace("/", ".") in broken
