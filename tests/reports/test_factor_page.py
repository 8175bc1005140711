"""The factor report: self-contained, in two languages, with pictures that are whole; its summary in words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from domain.text import LANGUAGES, catalogue
from domain.vectors import FeatureName
from reports import factor_page, factor_pictures, factor_study, factor_text
from reports.factor_study import study
from reports.factors import Ranked
from tests.reports.study_lots import fit, lots


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    about = {"detector": "silica", "outcome": "silica <b>", "unit": "%", "units": {"a": "bar"}, "made": "today"}
    return about | study(lots(400), fit)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_loads_nothing_from_outside_and_its_pictures_are_whole(record: dict[str, Any], language: str) -> None:
    page = factor_page.page(record, language, catalogue(language))
    assert f'<html lang="{language}">' in page
    assert not re.search(r"""(src|href)\s*=|url\(|@import|<script""", page)
    assert "<b>" not in page.replace("<b>a</b>", "").replace("<b>b</b>", "").replace("<b>c</b>", "")
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 2 + len(record["effects"])
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_korean_says_nothing_in_english(record: dict[str, Any]) -> None:
    page = factor_page.page(record, "ko", catalogue("ko"))
    assert "권장 한계" in page
    assert "Recommended" not in page
    assert "no advice" not in page


def test_the_picture_of_an_advised_factor_has_its_window_in_green(record: dict[str, Any]) -> None:
    advised = {a["factor"]: a for a in record["advice"]}
    t = catalogue("en")
    assert "#dcefe2" in factor_pictures.effect(record, "a", t, advised["a"])
    assert "#dcefe2" not in factor_pictures.effect(record, "c", t, advised["c"])


def test_the_summary_names_rank_limit_and_change(record: dict[str, Any]) -> None:
    said = "\n".join(factor_text.summary(record, catalogue("en")))
    assert "a + twin" in said or "twin + a" in said
    assert re.search(r"^a: below .* bar, as history knows it down to .*: mean -", said, re.MULTILINE)


def test_a_study_no_better_than_the_mean_is_told_as_such(record: dict[str, Any]) -> None:
    worse = {**record, "rmse": record["mean_rmse"] + 1}
    assert len(factor_text.headline(record, catalogue("en"))) == 1
    assert "no better than the mean" in factor_text.headline(worse, catalogue("en"))[1]


def test_numbers_for_people_have_no_exponent_of_a_computer(record: dict[str, Any]) -> None:
    small = [{**f, "importance": 5.579e-05} for f in record["factors"]]
    rule = {"tests": [{"factor": "a", "sign": 1, "limit": 3.2e-05}], "n": 9, "lift": 2.0, "n_later": 9,
            "lift_later": 2.0, "is_confirmed": True, "p_value": 9.7e-15, "net": 250_000.0}  # fmt: skip
    page = factor_page.page(
        {**record, "factors": small, "conditions": [rule], "has_costs": True}, "en", catalogue("en")
    )
    assert not re.search(r"\de[-+]\d", page)
    assert "<td>0</td>" in page
    assert "yes (p &lt; 0.001)" in page
    assert "250000" in page


def test_a_share_of_few_bad_lots_is_not_told_as_none(record: dict[str, Any]) -> None:
    rule = {"tests": [{"factor": "a", "sign": 1, "limit": 3.2}], "n": 900, "lift": 3.0, "n_later": 900,
            "share_later": 0.0033, "lift_later": 2.8, "is_confirmed": True, "p_value": 0.001, "net": None}  # fmt: skip
    said = "\n".join(factor_text.summary({**record, "conditions": [rule]}, catalogue("en")))
    assert "0.3% of 900 later lots bad, 2.8× the share of all" in said


def test_it_is_said_first_how_many_conditions_later_lots_confirm() -> None:
    t = catalogue("en")
    head = factor_page.conditions_head
    yes, no = {"is_confirmed": True}, {"is_confirmed": False}
    assert head({"conditions": [yes, no, no]}, t) == "Confirmed on later lots: 1 of 3."
    assert head({"conditions": [no]}, t).startswith("None was confirmed")
    assert head({"conditions": []}, t) == ""


def test_a_direction_that_a_stratum_denies_is_not_sure() -> None:
    plain = lots(400)
    assert {f["name"]: f["direction"] for f in study(plain, fit)["factors"]}["b"] == -1
    in_b = plain.strata["product"] == "B"
    outcome = np.where(in_b, plain.outcome + 1.4 * plain.values[:, 1], plain.outcome)  # there b moves the result up
    found = {f["name"]: f for f in study(replace(plain, outcome=outcome), fit)["factors"]}["b"]
    assert {s["level"]: s["sign"] for s in found["slopes"]} == {"A": -1, "B": 1}
    assert found["direction"] == 0


@pytest.mark.parametrize(("sign", "told"), [(1, 0), (0, -1), (-1, -1)])
def test_a_direction_that_the_factors_own_effect_denies_is_not_sure(sign: int, told: int) -> None:
    ranked = Ranked(1, ("b",), 0.5, 0.1, 0.1, 1, 1, (1,), -1)
    assert factor_study._factor(ranked, lots(400), {}, {"b": sign})["direction"] == told


def test_the_worst_tenth_is_the_lowest_where_low_results_are_bad() -> None:
    plain = lots(400)
    low = plain.outcome < -2.0
    found = study(replace(plain, worse=low.astype(float), counts_defects=True), fit)
    assert found["is_low_worse"]
    assert found["deciles"][0]["share"] > 0.5
    assert found["deciles"][-1]["share"] == 0


def test_a_text_is_held_and_told_apart_but_ranks_as_no_factor() -> None:
    plain = lots(400)
    is_b = (plain.strata["product"] == "B").astype(float)
    level = FeatureName("process", "product", "is", (("level", "B"),))
    told = replace(plain, outcome=plain.outcome + 6 * is_b)
    held = replace(told, values=np.column_stack([told.values, is_b]), names=(*told.names, level))
    without, found = study(told, fit), study(held, fit)
    assert {m for f in found["factors"] for m in f["members"]} == {"a", "b", "c", "d", "twin"}
    assert found["n_factors"] == 5
    assert found["rmse"] < 0.5 * without["rmse"]
    assert found["strata"] == ["product"]
    (product,) = found["divided"]
    assert product["explained"] > 0.5
    by_level = {x["level"]: x["mean"] for x in product["levels"]}
    assert by_level["B"] - by_level["A"] == pytest.approx(6, abs=0.7)
    record = {"unit": "%", "units": {}, **found}
    said = "\n".join(factor_text.summary(record, catalogue("en")))
    assert re.search(
        r"^product explains \d\d% of the variance: . \S+ % \(n \d+\), . \S+ % \(n \d+\)$", said, re.MULTILINE
    )
