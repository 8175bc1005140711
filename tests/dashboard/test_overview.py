"""The overview: what waits for somebody comes first, how far a score is from its limit, and why nothing is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html

from dashboard.pages import overview
from dashboard.source import Source
from domain.text import catalogue
from store.ledger import Ledger
from tests.dashboard.conftest import PRESS

EN, KO = catalogue("en"), catalogue("ko")


def counted(source: Source) -> list[tuple[str, str, str, str]]:
    row = overview.body(source, EN, "en")[0]
    return [(x.children[1].children, x.children[0].children, x.className, getattr(x, "href", "")) for x in row.children]


def words_of(drawn: Any) -> str:
    if isinstance(drawn, str):
        return drawn
    if isinstance(drawn, list | tuple):
        return " ".join(words_of(x) for x in drawn)
    return words_of(getattr(drawn, "children", None) or "")


def test_what_waits_for_somebody_stands_first_and_leads_to_it(source: Source) -> None:
    found = counted(source)
    assert found[0] == ("open alerts", "1", "alarm", "/alerts?lang=en")
    assert found[1] == ("not acknowledged", "1", "alarm", "/alerts?state=unacknowledged&lang=en")
    assert [name for name, *_ in found[2:]] == [
        "ALARM", "ENGINE ERROR", "NO DATA", "NOT ASSESSED", "OK", "never reported", "stopped"
    ]  # fmt: skip
    kinds = {name: kind for name, _, kind, _ in found}
    assert kinds["ALARM"] == "alarm"
    assert kinds["ENGINE ERROR"] == "none"


def test_a_tile_says_how_far_a_score_is_from_its_limit_and_of_what_a_result_is(source: Source) -> None:
    tiles = {x.href: words_of(x) for x in _tiles(source)}
    press = next(text for href, text in tiles.items() if "press-1" in href)
    assert "failure risk limit 90.0 % 99.0 %" in press
    line = next(text for href, text in tiles.items() if "line-1" in href)
    assert "predicted silica" in line
    assert "2.00 %" in line


def test_a_stopped_asset_says_so_and_not_that_its_data_are_missing(source: Source) -> None:
    stopped = next(words_of(x) for x in _tiles(source) if "press-3" in x.href)
    assert "STOPPED" in stopped
    assert "NO DATA" not in stopped


def test_before_the_first_data_it_says_what_is_being_done(source: Source, tmp_path_factory: Any) -> None:
    empty = Ledger(tmp_path_factory.mktemp("empty"))
    empty.start()
    try:
        new = replace(source, ledger=empty, state=lambda: "learning")
        assert "learning: models are being trained. Assets appear" in words_of(overview.body(new, EN, "en"))
        assert "No asset is running." in words_of(overview.body(replace(new, state=lambda: ""), EN, "en"))
    finally:
        empty.stop()


def _tiles(source: Source) -> list[Any]:
    found: list[Any] = []

    def walk(x: Any) -> None:
        if isinstance(x, list | tuple):
            for y in x:
                walk(y)
        elif isinstance(x, html.A) and "tile" in (getattr(x, "className", "") or ""):
            found.append(x)
        elif hasattr(x, "children"):
            walk(x.children)

    walk(overview.body(source, EN, "en"))
    assert any(PRESS in x.href.replace("%2F", "/") for x in found)
    return found
