"""Scores, verdicts, cursors and models in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.instants import to_ns
from domain.scores import Contribution, Scale, Score, Verdict
from store.ledger import Ledger
from store.scoring import ModelRow, Scoring, VerdictRow
from tests.store.items import at


@pytest.fixture
def scoring(ledger: Ledger) -> Scoring:
    return ledger.scoring


def score(
    asset: str = "a", hours: float = 0, value: float | None = 0.5, subject: str = "", detector: str = "d"
) -> Score:
    return Score(
        detector,
        asset,
        subject,
        at(hours),
        value,
        0.25,
        0.75,
        Scale.PROBABILITY,
        "m1",
        Verdict.OK,
        "",
        (Contribution("T24", 0.5, 3.0), Contribution("T30", -0.25)),
    )


def test_score_comes_back_equal(scoring: Scoring) -> None:
    unscored = replace(score("b", 1, None), low=None, high=None, verdict=Verdict.NOT_ASSESSED, reason="too few")
    scoring.save([score(), unscored], {})
    assert scoring.scores("d") == [score(), unscored]


def test_score_that_is_there_stays(scoring: Scoring) -> None:
    scoring.save([score(value=0.5)], {})
    scoring.save([score(value=0.9), score(hours=1)], {})
    assert [s.value for s in scoring.scores("d")] == [0.5, 0.5]
    assert scoring.count() == 2


def test_scores_after_since_up_to_until(scoring: Scoring) -> None:
    scoring.save([score(hours=h) for h in (3, 1, 2, 0)], {})
    assert [s.at for s in scoring.scores("d", since=at(0), until=at(2))] == [at(1), at(2)]


def test_scores_of_one_asset_and_detector(scoring: Scoring) -> None:
    scoring.save([score("a"), score("b"), score("a", detector="other")], {})
    assert scoring.scores("d", asset="a") == [score("a")]
    assert scoring.scores("nobody") == []


def test_latest_score_of_each_asset(scoring: Scoring) -> None:
    scoring.save([score("a", 1), score("a", 3), score("b", 2), score("b", 9, detector="other")], {})
    assert {a: s.at for a, s in scoring.latest("d").items()} == {"a": at(3), "b": at(2)}


def test_count_by_verdict(scoring: Scoring) -> None:
    scoring.save([score("a"), replace(score("b"), verdict=Verdict.NOT_ASSESSED)], {})
    assert (scoring.count(), scoring.count(Verdict.OK), scoring.count(Verdict.ALARM)) == (2, 1, 0)


def test_cursors_advance_with_the_scores(scoring: Scoring) -> None:
    scoring.save([score()], {"d:a": to_ns(at(0)), "d:b": 5})
    scoring.save([], {"d:a": to_ns(at(1))})
    assert scoring.cursors() == {"d:a": to_ns(at(1)), "d:b": 5}


def test_failed_save_moves_no_cursor(scoring: Scoring) -> None:
    with pytest.raises(Exception, match=r"(?i)not.null"):
        scoring.save([score()], {"d:a": None})  # type: ignore[dict-item]
    assert scoring.count() == 0
    assert scoring.cursors() == {}


def test_verdict_is_the_present_one(scoring: Scoring) -> None:
    scoring.save_verdicts([VerdictRow("a", Verdict.OK, "", at(0)), VerdictRow("b", Verdict.OK, "", at(0))])
    scoring.save_verdicts([VerdictRow("a", Verdict.NO_DATA, "silent", at(1))])
    assert scoring.verdicts() == {
        "a": VerdictRow("a", Verdict.NO_DATA, "silent", at(1)),
        "b": VerdictRow("b", Verdict.OK, "", at(0)),
    }


def test_new_champion_retires_the_one_before(scoring: Scoring) -> None:
    scoring.add_model(ModelRow("m1", "d", "champion", at(0), {"rows": 3}))
    scoring.add_model(ModelRow("m2", "d", "champion", at(1), {}))
    assert [(m.model_id, m.role) for m in scoring.models("d")] == [("m2", "champion"), ("m1", "retired")]
    champion = scoring.champion("d")
    assert champion is not None
    assert champion.model_id == "m2"


def test_challenger_retires_nobody(scoring: Scoring) -> None:
    scoring.add_model(ModelRow("m1", "d", "champion", at(0), {}))
    scoring.add_model(ModelRow("m2", "d", "challenger", at(1), {}))
    champion = scoring.champion("d")
    assert champion is not None
    assert champion.model_id == "m1"


def test_champions_of_other_detectors_stay(scoring: Scoring) -> None:
    scoring.add_model(ModelRow("m1", "d", "champion", at(0), {}))
    scoring.add_model(ModelRow("m2", "other", "champion", at(1), {}))
    assert [m.role for m in scoring.models()] == ["champion", "champion"]


def test_detector_without_a_model_has_no_champion(scoring: Scoring) -> None:
    assert scoring.champion("d") is None


def test_same_champion_again_is_still_the_champion(scoring: Scoring) -> None:
    row = ModelRow("m1", "d", "champion", at(0), {"recall": 0.9})
    scoring.add_model(row)
    scoring.add_model(row)
    assert scoring.models() == [row]
