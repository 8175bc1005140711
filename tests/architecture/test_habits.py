"""What the design forbids in product code, each with its check and a planted case that the check must find."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import product

MAX_LINES = 400
CLOCKS = frozenset(
    f"{head}{call}"
    for head, calls in {
        "datetime.": ("now", "utcnow", "today"),
        "datetime.datetime.": ("now", "utcnow", "today"),
        "date.": ("today",),
        "datetime.date.": ("today",),
        "time.": ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"),
    }.items()
    for call in calls
)
NAIVE = ("utcnow", "utcfromtimestamp", "today")


def wall_clocks(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that read a clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and product.dotted(node) in CLOCKS:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for name in node.names if f"time.{name.name}" in CLOCKS)


def naive_instants(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that make an instant without a zone."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        head, _, call = product.dotted(node.func).rpartition(".")
        zones = [k for k in node.keywords if k.arg in ("tz", "tzinfo")]
        is_datetime = head in ("datetime", "datetime.datetime")
        if is_datetime and call in NAIVE:
            yield node.lineno
        if is_datetime and call in ("now", "fromtimestamp") and not zones and len(node.args) < 1 + (call != "now"):
            yield node.lineno
        is_made = product.dotted(node.func) in ("datetime", "datetime.datetime")
        if is_made and not zones and len(node.args) < 8:
            yield node.lineno


def bare_excepts(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of handlers that name no exception."""
    yield from (n.lineno for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and n.type is None)


def asserts(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of assert statements."""
    yield from (n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert))


def _at_import(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from node.decorator_list
        elif isinstance(node, ast.ClassDef):
            yield from _at_import(node.body)
        else:
            yield from ast.walk(node)


def dash_at_import(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that make a Dash app or register a callback when the module is imported."""
    for node in _at_import(tree.body):
        called = node.func if isinstance(node, ast.Call) else node
        name = product.dotted(called).rpartition(".")[2]
        if name in ("callback", "clientside_callback") or (isinstance(node, ast.Call) and name == "Dash"):
            yield getattr(node, "lineno", 0)


def without_docstring(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of the module, public classes and public functions that have no docstring."""
    if ast.get_docstring(tree) is None:
        yield 1
    public: list[ast.AST] = [tree]
    while public:
        for node in ast.iter_child_nodes(public.pop()):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (is_function or isinstance(node, ast.ClassDef)) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                if ast.get_docstring(node) is None:  # type: ignore[arg-type]
                    yield node.lineno  # type: ignore[attr-defined]
                if isinstance(node, ast.ClassDef):
                    public.append(node)


CHECKS = {
    "wall clock": (wall_clocks, "from datetime import datetime\nat = datetime.now()\n"),
    "wall clock by import": (wall_clocks, "from time import monotonic\n"),
    "wall clock as a default": (wall_clocks, "import time\ndef f(clock=time.time):\n    return clock()\n"),
    "naive instant": (naive_instants, "from datetime import datetime\nat = datetime(2026, 1, 5)\n"),
    "naive now": (naive_instants, "from datetime import datetime\nat = datetime.now()\n"),
    "bare except": (bare_excepts, "try:\n    x = 1\nexcept:\n    x = 2\n"),
    "assert": (asserts, "def f(x):\n    assert x\n"),
    "Dash at import": (dash_at_import, "import dash\napp = dash.Dash(__name__)\n"),
    "callback at import": (dash_at_import, "from dash import callback\n@callback()\ndef f():\n    pass\n"),
    "no docstring": (without_docstring, '"""M."""\nclass A:\n    """A."""\n    def f(self):\n        return 1\n'),
}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_check_finds_what_is_planted(name: str) -> None:
    check, source = CHECKS[name]
    assert list(check(ast.parse(source)))


def _found(name: str, *, but: tuple[str, ...] = ()) -> list[str]:
    check = CHECKS[name][0]
    return [f"{path}:{line}" for path, tree in product.modules().items() if path not in but for line in check(tree)]


def test_the_clock_is_read_in_one_module_only() -> None:
    assert _found("wall clock", but=("app/clock.py",)) == []
    assert list(wall_clocks(product.modules()["app/clock.py"]))


def test_no_instant_is_made_without_a_zone() -> None:
    assert _found("naive instant") == []


def test_no_handler_catches_everything_unnamed() -> None:
    assert _found("bare except") == []


def test_input_is_not_checked_by_assert() -> None:
    assert _found("assert") == []


def test_importing_a_module_makes_no_app_and_registers_no_callback() -> None:
    assert _found("Dash at import") == []


def test_every_module_public_class_and_public_function_has_a_docstring() -> None:
    assert _found("no docstring") == []


def test_every_product_package_is_looked_at() -> None:
    assert {path.partition("/")[0] for path in product.modules()} == set(product.PACKAGES)


def test_no_product_file_is_longer_than_the_limit() -> None:
    lengths = {path: len((product.ROOT / path).read_text().splitlines()) for path in product.modules()}
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


# Written in parts so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(rb"(?<![\w.~/}])/" + rb"(?:work|home|root|Users|mnt|media)/" + rb"\w")
REGISTRY = re.compile(rb"python" + rb"hosted|" + rb"py" + rb"pi\.|index" + rb"-url|/sim" + rb"ple/|arti" + rb"factory")


def _holding(pattern: re.Pattern[bytes]) -> list[str]:
    texts = [f for f in product.tracked() if f.suffix not in (".parquet", ".png", ".mo", ".ico")]
    return [f.relative_to(product.ROOT).as_posix() for f in texts if pattern.search(f.read_bytes())]


def test_no_file_holds_an_absolute_path_of_a_machine() -> None:
    assert MACHINE_PATH.search(b"open('/" + b"home/kim/x')")
    assert len(product.tracked()) > 50
    assert _holding(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert REGISTRY.search(b"--index" + b"-url x")
    assert _holding(REGISTRY) == []


def test_nothing_generated_is_under_version_control() -> None:
    names = [f.relative_to(product.ROOT) for f in product.tracked()]
    bad = {".pyc", ".db", ".duckdb", ".log", ".pkl", ".pickle", ".joblib"}
    assert [n for n in names if n.suffix in bad or "__pycache__" in n.parts or ".venv" in n.parts] == []
    assert not any(n.parts[0] in (".forewarn", ".forewarn-demo") for n in names)
    assert all(isinstance(n, Path) for n in names)
