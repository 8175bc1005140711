"""Formulas: what they give, by numbers worked by hand, and what they may not hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.formula import MAX_BACK, MAX_DEPTH, MAX_LENGTH, FormulaError, parse, rows_back, sources


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at character 1"),
        ("a +", "the end"),
        ("a b", "an operator or the end"),
        ("(a", "')' is expected"),
        ("a)", "an operator or the end"),
        ("--a", "expected at character 2"),
        ("a ** 2", "expected at character 4"),
        ("a.b", "'.' at character 2"),
        ("a; b", "';' at character 2"),
        ('__import__("os")', "no function '__import__'"),
        ("exec(a)", "no function 'exec'"),
        ("a[0] + 1", "an operator or the end"),
        ("lambda: a", "':' at character 7"),
        ("abs()", "expected at character 5"),
        ("abs(a, b)", "takes 1 arguments"),
        ("min(a)", "takes 2 to 9"),
        ("change(a)", "two arguments"),
        ("change(a, b)", "whole number"),
        ("change(a, 0)", "whole number"),
        ("change(a, 1.5)", "whole number"),
        ("change(a, -1)", "whole number"),
        (f"mean(a, {MAX_BACK + 1})", "whole number"),
        ("mean(a, 3 [bar])", "whole number"),
        ('"" + 1', "a function is expected"),
        ("a" * (MAX_LENGTH + 1), "longer than"),
        ("(" * 200 + "a" + ")" * 200, f"deeper than {MAX_DEPTH}"),
        ("abs(" * 30 + "a" + ")" * 30, f"deeper than {MAX_DEPTH}"),
    ],
)
def test_what_a_formula_may_not_hold(text: str, said: str) -> None:
    with pytest.raises(FormulaError) as error:
        parse(text)
    assert said in str(error.value)


@given(st.text(max_size=60) | st.text(alphabet='ab1.+-*/(),[]" chngemi', max_size=60))
def test_any_text_is_a_formula_or_refused_in_words(text: str) -> None:
    try:
        said, named = "", sources(parse(text))
    except FormulaError as error:
        said, named = str(error), ()
    assert said or isinstance(named, tuple)


def test_the_tags_of_a_formula_are_named_once_and_in_order() -> None:
    assert sources(parse('b * a + a / "oil temp.1" - 온도 * max(b, 2)')) == ("a", "b", "oil temp.1", "온도")


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("a", 0),
        ("change(a, 5)", 5),
        ("mean(a, 5)", 4),
        ("change(mean(a, 3), 2) * b", 4),
        ("mean(a,2) + change(b,7)", 7),
    ],
)
def test_how_far_a_formula_looks_back(text: str, n: int) -> None:
    assert rows_back(parse(text)) == n
