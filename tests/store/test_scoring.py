"""Scores, verdicts, cursors and models in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.instants import to_ns
from domain.scores import Contribution, Scale, Score, Verdict
from store.audit import Deed
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


def test_the_span_of_an_assets_scores_is_half_open(scoring: Scoring) -> None:
    scoring.save([score("a", h) for h in (0, 1, 2, 5)] + [score("b", 5), score("a", 3, detector="other")], {})
    assert scoring.spans("d", to_ns(at(1)), to_ns(at(5))) == {"a": (to_ns(at(1)), to_ns(at(2)))}


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


def promoted(minute: int, detector: str, old: str, new: str) -> Deed:
    return Deed(at(minute), "Kim", "model promoted", detector, old, new, "it is better")


def test_promoted_model_retires_the_one_before_and_the_deed_is_recorded(ledger: Ledger) -> None:
    scoring = ledger.scoring
    scoring.add_model(ModelRow("m1", "d", "challenger", at(0), {"rows": 3}))
    scoring.add_model(ModelRow("m2", "d", "challenger", at(1), {}))
    scoring.promote(promoted(2, "d", "", "m1"))
    scoring.promote(promoted(3, "d", "m1", "m2"))
    assert [(m.model_id, m.role, m.promoted_at) for m in scoring.models("d")] == [
        ("m2", "champion", at(3)),
        ("m1", "retired", at(2)),
    ]
    champion = scoring.champion("d")
    assert champion is not None
    assert champion.model_id == "m2"
    assert ledger.audit.deeds("d") == [promoted(3, "d", "m1", "m2"), promoted(2, "d", "", "m1")]
    assert ledger.audit.deeds("other") == []


def test_model_promoted_back_keeps_its_place_among_the_former_champions(scoring: Scoring) -> None:
    for minute, name in enumerate(("m1", "m2")):
        scoring.add_model(ModelRow(name, "d", "challenger", at(minute), {}))
    scoring.promote(promoted(2, "d", "", "m1"))
    scoring.promote(promoted(3, "d", "m1", "m2"))
    scoring.promote(promoted(4, "d", "m2", "m1"), is_back=True)
    assert {m.model_id: (m.role, m.promoted_at) for m in scoring.models()} == {
        "m1": ("champion", at(2)),
        "m2": ("retired", at(3)),
    }


@pytest.mark.parametrize(("old", "new"), [("", "m2"), ("m2", "m2"), ("m1", "m9")])
def test_promotion_against_another_state_changes_nothing(ledger: Ledger, old: str, new: str) -> None:
    scoring = ledger.scoring
    for minute, name in enumerate(("m1", "m2")):
        scoring.add_model(ModelRow(name, "d", "challenger", at(minute), {}))
    scoring.promote(promoted(2, "d", "", "m1"))
    with pytest.raises(ValueError, match=r"changed meanwhile|no model m9"):
        scoring.promote(promoted(3, "d", old, new))
    assert {m.model_id: m.role for m in scoring.models()} == {"m1": "champion", "m2": "challenger"}
    assert len(ledger.audit.deeds()) == 1


def test_champion_is_not_forgotten_and_another_model_is(ledger: Ledger) -> None:
    scoring = ledger.scoring
    for minute, name in enumerate(("m1", "m2")):
        scoring.add_model(ModelRow(name, "d", "challenger", at(minute), {}))
    scoring.promote(promoted(2, "d", "", "m1"))
    for name in ("m1", "m2"):
        scoring.forget_model(Deed(at(3), "forewarn", "model deleted", "d", name, "", "one too many"))
    assert [m.model_id for m in scoring.models()] == ["m1"]
    assert [d.old for d in ledger.audit.deeds() if d.action == "model deleted"] == ["m2"]


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
