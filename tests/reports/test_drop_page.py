"""The explanation of a change in words, as JSON and as a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from domain.text import catalogue
from domain.vectors import FeatureName
from reports.drop import Lots
from reports.drop_page import MOST_PARTS, About, as_json, lines, page
from reports.waterfall import waterfall
from reports.why import Why, why

ABOUT = About("silica <%>", "%", "last week", "this week")
NAMES = (FeatureName("process", "feed & pH", "value"),)


def _found(n_products: int = 3, worse: float = 2.0) -> Why:
    random = np.random.default_rng(0)
    code = random.integers(n_products, size=900)
    product = np.array([f"P<{i}>" for i in range(n_products)], dtype=object)[code]
    after = np.arange(900) >= 450
    values = random.normal(size=(900, 1))
    values[after & (code == 1)] += worse
    outcome = values[:, 0] + random.normal(size=900)
    return why(Lots(outcome, after, {"product": product}), values, NAMES)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_holds_everything_and_loads_nothing(language: str) -> None:
    text = page(_found(), ABOUT, catalogue(language), language)
    tags = _Tags()
    tags.feed(text)
    assert tags.tags.count("svg") == 1
    assert tags.tags.count("table") == 2
    assert tags.addresses == []
    assert "script" not in tags.tags
    assert "P&lt;1&gt;" in text
    assert "P<1>" not in text
    assert f'lang="{language}"' in text


def test_the_words_name_the_stratum_and_the_factor() -> None:
    told = "\n".join(lines(_found(), ABOUT, catalogue("en")))
    assert "product P<1> stands out" in told
    assert "1 of 1 factors surely moved in product P<1>." in told
    assert "feed & pH" in told


def test_nothing_is_blamed_where_nothing_stands_out() -> None:
    told = "\n".join(lines(_found(worse=0.0), ABOUT, catalogue("en")))
    assert " P<" not in told.partition("By product")[0]
    assert "No part of it stands out" in told


@pytest.mark.parametrize("unmeasured", [0.0, -4.0])
def test_a_change_that_no_factor_brought_is_told_as_such(unmeasured: float) -> None:
    random = np.random.default_rng(0)
    after, values = np.arange(400) >= 200, random.normal(size=(400, 1))
    outcome = values[:, 0] + unmeasured * after + random.normal(size=400)
    found = why(Lots(outcome, after, {}), values, NAMES, lambda _x, _y: lambda of: of[:, 0])
    told = "\n".join(lines(found, ABOUT, catalogue("en")))
    assert ("comes of no factor here" in told) == bool(unmeasured)
    assert as_json(found, ABOUT)["factors"]["rest"]["amount"] == pytest.approx(unmeasured, abs=0.3)


def test_many_strata_are_told_together_and_still_add_up() -> None:
    found = _found(n_products=30)
    rows = lines(found, ABOUT, catalogue("en"))
    assert any("22 others" in row for row in rows)
    assert sum(row.strip().startswith("P<") for row in rows) == MOST_PARTS


def test_the_json_is_json_and_adds_up() -> None:
    found = json.loads(json.dumps(as_json(_found(), ABOUT), allow_nan=False))
    for split in found["splits"]:
        assert sum(p["amount"] for p in split["parts"]) == pytest.approx(found["change"]["amount"], abs=1e-9)
    assert found["where"]["stratum"] == "P<1>"
    assert found["factors"]["found"][0]["source"] == "feed & pH"


def test_the_picture_ends_at_the_level_after() -> None:
    drawn = waterfall(("before", 0.10), [("A", 0.05), ("B", -0.02)], ("after", 0.13), lambda x: f"{x:.0%}")
    assert [f">{figure}<" in drawn for figure in ("10%", "+5%", "-2%", "13%")] == [True] * 4
    assert drawn.count("<rect") == 4
