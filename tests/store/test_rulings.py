"""Rulings and autopsies come back as they were given, in their order; nothing is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.audit import Action, Deed
from domain.rulings import Ruling, Worth
from store.ledger import Ledger
from store.rulings import AutopsyRow
from tests.store.items import at


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path)
    made.start()
    return made


def test_rulings_are_appended_in_order_with_the_persons_deed(ledger: Ledger) -> None:
    rule = Ruling("a", at(1), Worth.UNCLEAR, at(2), because='["x", {}]', acted_at=at(2))
    person = Ruling("a", at(1), Worth.HIT, at(3), "김", "", "seal", "cracked\0", at(2))
    other = Ruling("b", at(1), Worth.FALSE, at(2))
    ledger.rulings.add([rule, other])
    ledger.rulings.add([person], Deed(at(3), "김", Action.REVIEWED, "a", "unclear", "hit"))
    found = ledger.rulings.all()
    assert [r.worth for r in found] == [Worth.UNCLEAR, Worth.FALSE, Worth.HIT]
    assert found[:2] == [rule, other]
    assert (found[2].by, found[2].found, found[2].acted_at) == ("김", "cracked␀", at(2))
    assert ledger.rulings.all(["b"]) == [other]
    assert ledger.rulings.all([]) == []
    (deed,) = ledger.audit.deeds("a")
    assert (deed.old, deed.new) == ("unclear", "hit")
    assert ledger.audit.faults() == []
    ledger.rulings.add([])
    ledger.stop()


def test_many_alerts_are_asked_for_at_once(ledger: Ledger) -> None:
    ledger.rulings.add([Ruling(f"a{i}", at(1), Worth.FALSE, at(2)) for i in range(1200)])
    assert len(ledger.rulings.all([f"a{i}" for i in range(1200)])) == 1200
    ledger.stop()


def test_the_newest_autopsy_of_each_stop_counts_the_latest_stop_first(ledger: Ledger) -> None:
    first = AutopsyRow("p", at(1), "seal", "d", at(2), "gap in data", {"assessed": 0.5})
    later = AutopsyRow("p", at(5), "seal", "d", at(6), "no precursor", {})
    again = AutopsyRow("p", at(1), "seal", "d", at(7), "no precursor", {"assessed": 1.0})
    elsewhere = AutopsyRow("q", at(3), "", "", at(6), "not watched", {})
    ledger.rulings.add_autopsies([first, later, elsewhere])
    ledger.rulings.add_autopsies([again])
    assert ledger.rulings.autopsies() == [later, elsewhere, again]
    assert ledger.rulings.autopsies("q") == [elsewhere]
    ledger.stop()
