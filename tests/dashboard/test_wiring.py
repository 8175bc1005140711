"""Every callback's ids stand in a layout, every output has one writer, and a callback is a few lines."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import Dash

from dashboard.console import create_app, page
from dashboard.pages import PAGES
from dashboard.source import Source
from domain.plant import Plant
from domain.text import LANGUAGES
from tests.dashboard.gates import open_gate


def ids_in(component: Any) -> set[str]:
    found = {component.id} if getattr(component, "id", None) else set()
    for child in component._traverse():
        if getattr(child, "id", None):
            found.add(child.id)
    return found


def callbacks(app: Dash) -> list[dict[str, Any]]:
    return list(app._callback_list)


@pytest.mark.parametrize("lacking", [{}, {"detectors": ()}, {"detectors": (), "plant": Plant.of((), (), ())}])
def test_every_id_of_a_callback_stands_in_a_layout(source: Source, lacking: dict[str, Any]) -> None:
    app = create_app(replace(source, **lacking), open_gate(source))
    known = ids_in(app.validation_layout)
    for callback in callbacks(app):
        for end in (*callback["inputs"], *callback["state"]):
            assert end["id"] in known, end
        for output in callback["output"].strip(".").split("..."):
            assert output.rsplit(".", 1)[0] in known, output


def test_every_output_has_one_writer(source: Source) -> None:
    app = create_app(source, open_gate(source))
    outputs = [o for c in callbacks(app) for o in c["output"].strip(".").split("...")]
    assert outputs
    assert [o for o, n in Counter(outputs).items() if n > 1] == []


def test_every_page_is_drawn_in_every_language(source: Source) -> None:
    for path in PAGES:
        drawn = {language: str(page(source, path, f"?lang={language}")) for language in LANGUAGES}
        assert len(set(drawn.values())) == len(LANGUAGES), path


def test_an_unknown_page_or_asset_or_language_is_no_error(source: Source) -> None:
    assert "There is no page /nowhere" in str(page(source, "/nowhere", ""))
    assert "plant/press-1" in str(page(source, "/asset", "?asset=no/such&lang=xx"))


def test_callbacks_are_at_most_ten_lines() -> None:
    for file in (Path(__file__).parent.parent.parent / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in ("register", "_register_shell"):
                inner = [x for x in node.body if isinstance(x, ast.FunctionDef)]
                assert all((x.end_lineno or 0) - x.lineno < 10 for x in inner), file


def test_pandas_is_complete_before_a_page_is_served() -> None:
    code = (
        "import sys; from dashboard.console import create_app; assert 'pandas' not in sys.modules\n"
        "try: create_app(None, None)\n"
        "except AttributeError: pass\n"  # there is no source to draw pages from
        "assert sys.modules['pandas'].NaT is not None"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
