"""Who has fallen silent: rhythms are learned, one root stands for what died together, and it returns by itself."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from alerts.silence import IRREGULAR, LEAST, RULE_ID, WHOLE, Arrivals, Rhythm, rhythm_of, roots
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from app.silence import Silence
from domain.alerting import AlertState
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Decoded, Event, EventKind, Outcome
from tests.app import tiny_plant as tiny

SECOND = timedelta(seconds=1)
S = 10**9
TAGS = {tiny.PUMP: ("pressure", "flow"), tiny.OTHER: ("pressure", "flow"), tiny.LINE: ("feed",)}


def test_a_regular_tag_may_miss_three_periods() -> None:
    assert rhythm_of([60 * S] * 20) == Rhythm(60 * S, 180 * S)
    assert rhythm_of([59 * S, 61 * S] * 10).allowed in (177 * S, 180 * S, 183 * S)


def test_an_irregular_tag_is_given_more_than_its_longest_pause() -> None:
    pauses = [1 * S] * 10 + [40 * S] * 5
    assert rhythm_of(pauses) == Rhythm(1 * S, IRREGULAR * 40 * S)


def test_a_tag_that_reports_at_random_is_hardly_ever_called_silent() -> None:
    chance = random.Random(3)
    arrivals, now, alarms = Arrivals({}, 0), 0, 0
    for _ in range(20_000):
        now += int(chance.expovariate(1 / 60) * S) + 1
        pause = arrivals.pauses(now).get("a/t")
        alarms += pause is not None and pause[0] >= pause[1].allowed
        arrivals.note("a/t", now, now)
    assert alarms == 0


def test_nothing_is_known_of_a_tag_that_came_a_few_times() -> None:
    arrivals = Arrivals({}, 0)
    for i in range(LEAST):
        arrivals.note("a/t", i * S, i * S)
    assert arrivals.pauses(10**15) == {}
    arrivals.note("a/t", LEAST * S, LEAST * S)
    assert arrivals.rhythms() == {"a/t": Rhythm(S, 3 * S)}


def test_an_outage_is_not_learned() -> None:
    arrivals, now = Arrivals({}, 0), 0
    for i in range(200):
        now += 3600 * S if i % 10 == 9 else S
        arrivals.note("a/t", now, now)
    assert arrivals.rhythms() == {"a/t": Rhythm(S, 3 * S)}


def test_a_burst_of_what_the_broker_kept_is_not_learned() -> None:
    arrivals = Arrivals({}, 0)
    for minute in range(40):
        arrivals.note("a/t", minute * 60 * S, minute * 60 * S)
    for minute in range(40, 500):  # all at once, after an outage
        arrivals.note("a/t", 500 * 60 * S + minute, minute * 60 * S)
    assert arrivals.rhythms() == {"a/t": Rhythm(60 * S, 180 * S)}


def test_hourly_batches_are_an_hourly_rhythm() -> None:
    arrivals = Arrivals({}, 0)
    for hour in range(20):
        arrivals.note("a/t", hour * 3600 * S, hour * 3600 * S - 50 * 60 * S)
    assert arrivals.rhythms() == {"a/t": Rhythm(3600 * S, 3 * 3600 * S)}


def test_old_data_teach_nothing() -> None:
    arrivals = Arrivals({}, 0)
    for day in range(20, 0, -1):
        arrivals.note("a/t", (100 - day) * S, day * 86400 * S)
    assert arrivals.rhythms() == {}


def test_what_the_drain_stores_has_arrived(rooms: Rooms) -> None:
    silence = Silence(rooms, tiny.T0)
    pipeline = Pipeline(rooms, {}, tiny.T0, arrived=silence.note)
    for minute in range(20):
        tiny.accept(rooms, tiny.at(minute), tiny.decoded([tiny.point(tiny.PUMP, "flow", minute, 1.0)]))
        pipeline.drain()
        silence.look(tiny.at(minute))
    assert rooms.ledger.rhythms.all() == {f"{tiny.PUMP}/flow": (60 * S, 180 * S)}


def held(**pauses: float) -> dict[str, tuple[int, Rhythm]]:
    """Pauses in seconds of tags that report every second; `_` stands for `/`."""
    return {tag.replace("_", "/"): (int(p * S), Rhythm(S, 3 * S)) for tag, p in pauses.items()}


ABOVE = {"p/a": ["p", WHOLE], "p/b": ["p", WHOLE], "q/c": ["gw", "q", WHOLE]}


@pytest.mark.parametrize(
    ("pauses", "found"),
    [
        (held(p_a_x=0, p_a_y=0, p_b_x=0), []),
        (held(p_a_x=4, p_a_y=0, p_b_x=0), [("p/a", "x")]),
        (held(p_a_x=4, p_a_y=2, p_b_x=0), [("p/a", WHOLE)]),  # y is overdue: it died with x
        (held(p_a_x=4, p_a_y=1, p_b_x=0), [("p/a", "x")]),
        (held(p_a_x=4, p_a_y=4, p_b_x=4, q_c_x=0), [("p", WHOLE)]),
        (held(p_a_x=4, p_a_y=4, p_b_x=4, q_c_x=4), [(WHOLE, WHOLE)]),
        (held(p_b_x=4), [("p/b", "x")]),  # a lone tag speaks for itself only
        (held(p_b_x=4, q_c_x=0, q_c_y=4), [("p/b", "x"), ("q/c", "y")]),
    ],
)
def test_the_fewest_roots_account_for_all(pauses: dict[str, tuple[int, Rhythm]], found: list[tuple[str, str]]) -> None:
    assert [(r.asset, r.subject) for r in roots(pauses, ABOVE)] == found


class Live:
    """A tiny plant that reports once a minute, each tag at a second of its own."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms, self.now, self.dead = rooms, tiny.T0, set[str]()
        self.silence = Silence(rooms, self.now)
        self.seen: dict[str, set[tuple[str, str]]] = {}

    def run(self, minutes: float) -> None:
        """Go on, looking every two seconds."""
        for _ in range(int(minutes * 60)):
            self.now += SECOND
            due = [
                f"{asset}/{name}"
                for i, (asset, names) in enumerate(TAGS.items())
                for k, name in enumerate(names)
                if self.now.second == 7 * i + 23 * k and f"{asset}/{name}" not in self.dead
            ]
            at = to_ns(self.now)
            self.silence.note(Points.from_rows([Point(tag, at - 3000 * S, 1.0, received_at=at) for tag in due]))
            if self.now.second % 2 == 0:
                self.silence.look(self.now)

    def open(self) -> dict[tuple[str, str], AlertState]:
        """Return the open alerts."""
        found = self.rooms.ledger.alerting.open()
        return {(k.asset, k.subject): a.state for k, a in found.items() if k.rule == RULE_ID and a.state.is_open}


@pytest.fixture
def live(rooms: Rooms) -> Live:
    made = Live(rooms)
    made.run(12)
    return made


def test_a_plant_that_reports_raises_nothing_though_its_values_are_old(live: Live) -> None:
    assert live.open() == {}


def test_a_store_that_takes_nothing_looks_like_no_silence(live: Live) -> None:
    waiting = Points.from_rows([Point(f"{tiny.PUMP}/pressure", to_ns(live.now), 1.0, received_at=to_ns(live.now))])
    live.rooms.journal.accept([("mqtt", live.now, Decoded(waiting))])
    live.dead = {f"{asset}/{name}" for asset, names in TAGS.items() for name in names}  # none of it is stored
    live.run(10)
    assert live.open() == {}
    claimed = live.rooms.journal.claim(10)
    assert claimed is not None
    live.rooms.journal.finish(claimed, Outcome(1))
    live.run(0.2)
    assert set(live.open()) == {("*", "*")}  # it is stored by now, and nothing came since


def test_one_tag_that_stops_is_an_alert_within_three_periods_and_goes_when_it_is_back(live: Live) -> None:
    live.dead = {f"{tiny.PUMP}/flow"}
    live.run(2)
    assert live.open() == {}
    live.run(2.1)
    assert live.open() == {(tiny.PUMP, "flow"): AlertState.ACTIVE_UNACKED}
    live.dead = set()
    live.run(2)
    assert live.open() == {(tiny.PUMP, "flow"): AlertState.RETURNED_UNACKED}


def test_a_dead_source_is_one_alert_that_lists_what_it_took_along(live: Live) -> None:
    live.dead = {f"{tiny.PUMP}/{name}" for name in TAGS[tiny.PUMP]}
    live.run(5)
    assert list(live.open()) == [(tiny.PUMP, WHOLE)]
    (notice,) = live.rooms.ledger.outbox.open_notices()
    facts = live.rooms.ledger.outbox.facts([notice.key])[notice.key]
    assert f'"{tiny.PUMP}/flow", "{tiny.PUMP}/pressure"' in facts


def test_all_that_stops_is_one_alert(live: Live) -> None:
    live.dead = {f"{asset}/{name}" for asset, names in TAGS.items() for name in names}
    live.run(6)
    assert [s for (_, s) in live.open()] == [WHOLE]
    assert len(live.rooms.ledger.outbox.open_notices()) == 1


def test_a_machine_that_stands_still_is_not_expected_to_report(live: Live) -> None:
    stop = Event(tiny.PUMP, EventKind.FAILURE, "bearing", live.now, None, live.now)
    live.rooms.ledger.records.apply("stop", [tiny.decoded(events=[stop])])
    live.dead = {f"{tiny.PUMP}/{name}" for name in TAGS[tiny.PUMP]}
    live.run(6)
    assert live.open() == {}


def test_a_restart_knows_the_rhythm_and_neither_forgets_nor_repeats_an_alert(live: Live) -> None:
    live.dead = {f"{tiny.PUMP}/flow"}
    live.run(5)
    before = live.open()
    live.silence = Silence(live.rooms, live.now)
    for _ in range(6):
        live.run(1)
        assert live.open() == before
    assert len(live.rooms.ledger.outbox.open_notices()) == 1


def test_gateway_of_assets_csv_stands_for_its_assets(tmp_path_factory: pytest.TempPathFactory) -> None:
    from app.silence import above

    assets = "asset,class,gateway\nplant/pump-1,pump,gw-7\nplant/pump-2,pump,gw-7\nplant/line-1,line,\n"
    plant: Settings = tiny.settings_in(tmp_path_factory.mktemp("p"), assets_csv=assets)
    assert above(plant.plant) == {
        "plant/pump-1": ["gw-7", "plant", WHOLE],
        "plant/pump-2": ["gw-7", "plant", WHOLE],
        "plant/line-1": ["plant", WHOLE],
    }
