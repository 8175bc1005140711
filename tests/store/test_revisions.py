"""Late spans and revised scores in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.scores import Verdict
from store.ledger import Ledger
from store.revisions import LateSpan
from tests.store.items import at
from tests.store.test_scoring import score


def test_a_span_stays_until_it_is_done(ledger: Ledger) -> None:
    ledger.revisions.add([LateSpan("d", "a", 1, 5), LateSpan("d", "b", 2, 3)])
    ledger.revisions.add([LateSpan("e", "a", 7, 9)])
    first, second, third = ledger.revisions.spans()
    assert (first.detector, first.asset, first.start, first.end) == ("d", "a", 1, 5)
    ledger.revisions.revise([], [second], [replace(first, start=4)], at(1))
    assert ledger.revisions.spans() == [replace(first, start=4), third]


def test_a_revised_score_takes_the_place_of_the_one_before_which_is_kept(ledger: Ledger) -> None:
    old, other = score(value=0.5), score(hours=1)
    ledger.scoring.save([old, other], {})
    new = replace(score(value=0.9), model_id="m2", contributions=())
    newest = replace(score(value=None), low=None, high=None, verdict=Verdict.NOT_ASSESSED, reason="few")
    ledger.revisions.revise([new], [], [], at(5))
    assert ledger.scoring.scores("d") == [new, other]
    ledger.revisions.revise([newest], [], [], at(6))
    assert ledger.scoring.scores("d") == [newest, other]
    kept = ledger.revisions.former("d")
    assert [(f.score, f.version, f.revised_at) for f in kept] == [(old, 1, at(5)), (new, 2, at(6))]
    assert ledger.revisions.former("d", "b") == ledger.revisions.former("other") == []


def test_a_score_that_was_not_there_is_a_first_version(ledger: Ledger) -> None:
    ledger.revisions.revise([score(), score(hours=2, subject="lot")], [], [], at(5))
    assert len(ledger.scoring.scores("d")) == 2
    assert ledger.revisions.former("d") == []


def test_a_revision_that_breaks_changes_nothing(ledger: Ledger) -> None:
    ledger.scoring.save([score()], {})
    ledger.revisions.add([LateSpan("d", "a", 1, 5)])
    spans = ledger.revisions.spans()
    broken = replace(score(hours=1), reason=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)not.null"):
        ledger.revisions.revise([score(value=0.9), broken], spans, [], at(5))
    assert ledger.scoring.scores("d") == [score()]
    assert ledger.revisions.former("d") == []
    assert ledger.revisions.spans() == spans


def test_former_scores_go_with_their_windows(ledger: Ledger) -> None:
    ledger.scoring.save([score(), score(hours=3)], {})
    ledger.revisions.revise([score(value=0.9), score(value=0.8, hours=3)], [], [], at(5))
    assert ledger.upkeep.delete_scores(at(2)) == 1
    assert [f.score.at for f in ledger.revisions.former("d")] == [at(3)]


def test_cursors_are_found_by_the_beginning_of_their_names(ledger: Ledger) -> None:
    ledger.scoring.save([], {"score:a_b:x": 1, "score:acb:x": 2, "rule:a": 3})
    assert ledger.scoring.cursors("score:a_b:") == {"score:a_b:x": 1}
    assert len(ledger.scoring.cursors("score:")) == 2
