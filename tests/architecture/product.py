"""The product's files, parsed once."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

import domain

ROOT = Path(domain.__file__).resolve().parent.parent
PACKAGES = ("app", "dashboard", "collectors", "features", "detectors", "alerts", "reports", "store", "domain")


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the product by its path below the root."""
    files = [f for name in PACKAGES for f in sorted((ROOT / name).rglob("*.py"))]
    return {f.relative_to(ROOT).as_posix(): ast.parse(f.read_text(encoding="utf-8")) for f in files}


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30).stdout
    return tuple(ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file())


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a name or an attribute, "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""
