"""rules.toml and `[[notifiers]]`: what is taken, and what is refused with which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rules import RuleSettings
from alerts.settings import NotifierSettings
from domain.alerting import Condition, Priority, Rule

TAG: dict[str, Any] = {"id": "hot", "asset_class": "press", "watch": "tag:T24", "raise": 10.0}
SCORE: dict[str, Any] = {"id": "fails", "asset_class": "press", "watch": "score:failure", "raise": "model"}


def refused(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        RuleSettings.model_validate(data)
    return str(caught.value)


def test_rule_with_everything() -> None:
    data = TAG | {"clear": 8.0, "on_delay": "5min", "priority": "high", "title": "Hot", "action": "Cool it"}
    assert RuleSettings.model_validate(data).rule() == Rule(
        "hot", "press", "tag:T24", Condition.HIGH, 10.0, 8.0, timedelta(minutes=5), Priority.HIGH, "Hot", "Cool it"
    )


def test_rule_clears_where_it_raises_and_is_called_by_its_id() -> None:
    rule = RuleSettings.model_validate(TAG).rule()
    assert (rule.raise_at, rule.clear_at, rule.title, rule.on_delay) == (10.0, 10.0, "hot", timedelta(0))
    assert not rule.is_model


@pytest.mark.parametrize("more", [{}, {"clear": "model"}], ids=str)
def test_rule_of_the_model_has_no_limits_of_its_own(more: dict[str, str]) -> None:
    rule = RuleSettings.model_validate(SCORE | more).rule()
    assert (rule.raise_at, rule.clear_at, rule.is_model) == (None, None, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clear": 12.0}, "beyond `raise`"),
        ({"condition": "low", "clear": 8.0}, "beyond `raise`"),
        ({"raise": "model"}, "needs a score to watch"),
        ({"clear": "model"}, "must both be"),
        ({"watch": "score:failure", "raise": "model", "clear": 0.4}, "must both be"),
        ({"watch": "T24"}, "watch"),
        ({"watch": "tag:"}, "watch"),
        ({"id": "Too Hot"}, "id"),
        ({"id": ""}, "id"),
        ({"on_delay": "5 minutes"}, "not a duration"),
        ({"on_delay": "-5s"}, "negative"),
        ({"priority": "urgent"}, "priority"),
        ({"condition": "up"}, "condition"),
        ({"raise": "high"}, "raise"),
        ({"raise": float("nan")}, "raise"),
        ({"raise": float("inf")}, "raise"),
        ({"colour": "red"}, "colour"),
        ({"asset_class": ""}, "asset_class"),
    ],
    ids=str,
)
def test_faults_are_named(change: dict[str, Any], words: str) -> None:
    assert words in refused(TAG | change)


def test_raise_is_needed() -> None:
    assert "raise" in refused({k: v for k, v in TAG.items() if k != "raise"})


def test_limits_on_the_right_side_are_taken() -> None:
    below = RuleSettings.model_validate(TAG | {"condition": "low", "clear": 12.0}).rule()
    assert (below.raise_at, below.clear_at, below.condition) == (10.0, 12.0, Condition.LOW)
    assert RuleSettings.model_validate(TAG | {"clear": 10.0}).rule().clear_at == 10.0


def test_whole_numbers_are_limits_too() -> None:
    rule = RuleSettings.model_validate(TAG | {"raise": 10, "clear": 8}).rule()
    assert (rule.raise_at, rule.clear_at) == (10.0, 8.0)
    assert "beyond `raise`" in refused(TAG | {"raise": 10, "clear": 12})


def test_unknown_notifier_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="none of apprise, email, log, mqtt, webhook"):
        NotifierSettings(name="x", kind="pager")


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValidationError, match="language"):
        NotifierSettings.model_validate({"name": "x", "kind": "log", "language": "fr"})
