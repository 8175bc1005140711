"""One leader among those that share a ledger."""

from __future__ import annotations

from datetime import timedelta

from store.ledger import Ledger
from tests.store.items import at

HALF_MINUTE = timedelta(seconds=30)


def test_one_holder_leads_until_its_lease_ends(ledger: Ledger) -> None:
    leases = ledger.leases
    assert leases.take("score", "a:1", at(0), HALF_MINUTE)
    assert not leases.take("score", "b:2", at(0) + timedelta(seconds=29), HALF_MINUTE)
    assert leases.take("score", "a:1", at(0) + timedelta(seconds=29), HALF_MINUTE)
    assert not leases.take("score", "b:2", at(0) + timedelta(seconds=58), HALF_MINUTE)
    assert leases.take("score", "b:2", at(0) + timedelta(seconds=59), HALF_MINUTE)
    assert not leases.take("score", "a:1", at(0) + timedelta(seconds=60), HALF_MINUTE)
    assert leases.holder("score") == "b:2"


def test_lease_of_one_that_has_ended_or_gave_it_back_is_free_at_once(ledger: Ledger) -> None:
    leases = ledger.leases
    assert leases.take("score", "a:1", at(0), HALF_MINUTE)
    assert not leases.take("score", "b:2", at(0), HALF_MINUTE, gone="c:3")
    assert leases.take("score", "b:2", at(0), HALF_MINUTE, gone="a:1")
    leases.give_back("score", "a:1")  # not its own any more
    assert not leases.take("score", "a:1", at(0), HALF_MINUTE)
    leases.give_back("score", "b:2")
    assert leases.take("score", "a:1", at(0), HALF_MINUTE)


def test_other_work_has_a_lease_of_its_own(ledger: Ledger) -> None:
    assert ledger.leases.take("score", "a:1", at(0), HALF_MINUTE)
    assert ledger.leases.take("other", "b:2", at(0), HALF_MINUTE)
    assert ledger.leases.holder("third") is None
