"""The Quality page's factor study: cards, pictures, the watched window, what-if; and the page without a study."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard import factor_figures, queries
from dashboard.console import page
from dashboard.pages import factor_cards, quality
from dashboard.source import Source
from domain.text import LANGUAGES, catalogue
from reports.factor_study import note_of, study
from tests.reports.study_lots import fit, lots

EN, KO = catalogue("en"), catalogue("ko")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    about = {"detector": "silica", "outcome": "silica", "unit": "%", "units": {"a": "bar"},
             "made_at": "2026-03-01T00:00:00+00:00"}  # fmt: skip
    return about | study(lots(400), fit, cost=(100.0, 5.0))


@pytest.fixture
def with_study(source: Source, record: dict[str, Any]) -> Source:
    source.ledger.save_note(note_of("silica"), json.dumps(record))
    return source


def test_a_page_without_a_study_says_so(source: Source) -> None:
    assert "No factor study yet" in str(page(source, "/quality", ""))
    assert queries.factor_study(source, "silica") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_tells_ranks_limits_conditions_and_moves(with_study: Source, language: str) -> None:
    t, text = catalogue(language), str(page(with_study, "/quality", f"?lang={language}"))
    for said in (t("Recommended limits"), t("When lots turn out bad"), t("What if"), t("net money, later"), "twin"):
        assert said in text


def test_the_ranking_is_drawn_with_the_first_at_the_top(record: dict[str, Any]) -> None:
    (bars,) = factor_figures.ranking(record, EN).data
    assert bars.y[-1].startswith("1. ")
    assert bars.x[-1] == max(bars.x)


def test_an_effect_is_drawn_over_its_lots_with_the_window_in_green(record: dict[str, Any]) -> None:
    figure = factor_figures.effect(record, "a", EN)
    assert [x.name for x in figure.data if x.name] == ["one lot", "effect, with 90 % band"]
    assert figure.layout.xaxis.title.text == "a [bar]"
    green = [s for s in figure.layout.shapes if s.fillcolor == factor_figures.GOOD]
    assert len(green) == sum(x["factor"] == "a" and not x["reason"] for x in record["advice"]) == 1


@pytest.mark.parametrize(("given", "factor"), [(None, "a"), (True, None)])
def test_an_empty_picture_says_why(record: dict[str, Any], given: object, factor: str | None) -> None:
    figure = factor_figures.effect(record if given else None, factor, KO)
    assert figure.layout.annotations[0].text in (KO("No factor study yet"), KO("Choose a factor"))


def test_a_window_is_watched_by_name_and_reason(with_study: Source) -> None:
    def said(factor: str, why: str, by: str) -> str:
        return quality.watched(with_study, "silica", factor, why, by, EN)

    assert said("feed", "fewer defects", "") == "Give your name first."
    assert said("feed", " ", "Kim") == "Say why first."
    assert said("feed", "fewer defects", "Kim") == "Rule factor-silica-feed watches feed from now on."
    assert said("b", "fewer defects", "Kim").startswith("Not watched: no window of b")


def test_what_if_tells_the_start_a_move_and_a_refusal(record: dict[str, Any]) -> None:
    data = record["what_if"]
    start = [data["start"][f["name"]] for f in data["factors"]]
    still = str(factor_cards.answer(record, start, EN))
    assert "predicted silica" in still
    moved = [data["factors"][0]["x"][1], *start[1:]]
    assert str(factor_cards.answer(record, moved, EN)) != still
    far = [data["factors"][0]["x"][-1] * 100, *start[1:]]
    assert "Not predicted" in str(factor_cards.answer(record, far, EN))
    assert factor_cards.answer(None, start, EN) == ""
