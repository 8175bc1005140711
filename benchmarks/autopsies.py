"""The bars of what alerts were worth: planted misses and what their autopsies say; warnings of a known worth beside the
ledger.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app import afterwards, ruling
from app.rooms import Rooms
from benchmarks.bars import Bars
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition, alert_id
from domain.records import Event, EventKind
from domain.rulings import Worth, newest
from store.rulings import AutopsyRow
from tests.app import tiny_plant as tiny
from tests.app import unwarned_plant as unwarned

MOST_RIGHT: Final = 0.95  # a weak symptom and none at all are told apart by chance alone where they meet
GOAL: Final = ">= 95 %"
N_EACH: Final = 20  # a share of fewer says nothing
SEEDS: Final = (11, 12)
N_ALERTS: Final = 50
LATER: Final = unwarned.STOP + timedelta(hours=3)
HOUR: Final = timedelta(hours=1)


def main() -> None:
    """Print the bars; exit code 1 where one falls short."""
    bars = Bars()
    show(bars)
    bars.end()


def show(bars: Bars) -> None:
    """Measure and print every bar of what alerts were worth."""
    rows: list[AutopsyRow] = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder, unwarned.unwarned(Path(folder), N_EACH, seed) as rooms:
            afterwards.told(rooms, LATER, 2.0)
            rows += rooms.ledger.rulings.autopsies()
    _misses(bars, rows)
    with tempfile.TemporaryDirectory() as folder, tiny.rooms_of(unwarned.settings_in(Path(folder), 1, 0.9)) as rooms:
        _warnings(bars, rooms)


def _misses(bars: Bars, rows: Sequence[AutopsyRow]) -> None:
    n = N_EACH * len(SEEDS)
    for kind, cause in unwarned.CAUSES.items():
        said = Counter(r.finding for r in rows if r.asset.startswith(f"now/{kind}"))
        how = f"planted before {n} stops, through training, scoring and rules; said: {dict(said)}"
        right = said[cause.value]
        bars.show(f"autopsy right: {cause.value}", f"{right} of {n}", GOAL, right >= MOST_RIGHT * n, how)
    high = [r.evidence["would_catch"] for r in rows if r.evidence["would_catch"] and r.asset.startswith("now/t")]
    lower = sum(p["limit"] < 0.9999 for p in high)
    prices = [p["per_week"] for p in high]
    price = f"median price {float(np.median(prices)):.2f} false alarms a week and asset" if prices else "no price"
    bars.show(
        "autopsy names a limit that would have caught it", f"{lower} of {n}", GOAL, lower >= MOST_RIGHT * n, price
    )
    holes = [r.evidence["missing"] for r in rows if r.asset.startswith("now/g")]
    named = sum([m["tag"] for m in found] in (["heat"], ["vibration"]) for found in holes)
    bars.show("autopsy names the tag that fell silent", f"{named} of {n}", "all", named == n, "and no other tag")


def _warnings(bars: Bars, rooms: Rooms) -> None:
    """N4: warnings of a known worth, on one asset, four days apart; then a person settles what is unclear."""
    asset, truth, events = "now/t00", {}, []
    random = np.random.default_rng(1)
    for i in range(N_ALERTS):
        at, worth = tiny.T0 + timedelta(days=4 * i), list(Worth)[i % 4]
        after = at + float(random.uniform(3, 23)) * HOUR
        if worth is Worth.HIT:
            events.append(unwarned.failure(asset, after))
        elif worth is Worth.UNCLEAR:
            events.append(Event(asset, EventKind.MAINTENANCE, "seal", after, after + HOUR, after))
        elif worth is Worth.EXCUSED:
            events.append(Event(asset, EventKind.MAINTENANCE, "filter", at - 2 * HOUR, at - HOUR, at))
        elif i % 8 == 1:  # false, since it came too late
            events.append(unwarned.failure(asset, at + HOUR))
        truth[_raised(rooms, asset, i)] = worth
    rooms.ledger.records.apply("truth", [tiny.decoded(events=events)])
    now = tiny.T0 + timedelta(days=4 * N_ALERTS + 3)
    ruling.rule_on_alerts(rooms, now, 1000)
    said = newest(rooms.ledger.rulings.all())
    right = sum(said[name].worth is worth for name, worth in truth.items() if name in said)
    how = "hit, false (nothing, or too late), excused, unclear; ruled on from the ledger's events"
    bars.show("N4: warnings whose worth in the ledger is the planted one", f"{right} of {N_ALERTS}", "all",
              right == N_ALERTS, how)  # fmt: skip
    asking = sum(r.asks for r in said.values())
    bars.show("warnings that wait for a person", asking, "those planted as unclear",
              asking == sum(w is Worth.UNCLEAR for w in truth.values()), "one tap each")  # fmt: skip


def _raised(rooms: Rooms, asset: str, number: int) -> str:
    at, returned = tiny.T0 + timedelta(days=4 * number), tiny.T0 + timedelta(days=4 * number, minutes=30)
    key = AlertKey("press-failure", asset, "score:press-failure")
    name = alert_id(key, at)
    rows = (
        Transition(name, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, at, 0.9, "", ""),
        Transition(name, 1, Change.RETURNED, AlertState.CLOSED, returned, 0.1, "", ""),
    )
    alert = Alert(name, key, AlertState.CLOSED, at, None, at, returned, 0.9, 0.5, Priority.HIGH, 1)
    rooms.ledger.alerting.save([AlertUpdate(alert, rows)], {}, at)
    return name


if __name__ == "__main__":
    main()
