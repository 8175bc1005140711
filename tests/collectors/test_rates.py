"""Topics that send far more than usual, and what only looks like it."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.rates import ALL, Rates

MINUTE_S = 60.0


class Line:
    """Sends messages minute by minute, in pieces."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.minute = 0

    def send(self, minutes: int = 1, **n_by_topic: int) -> Mapping[str, int]:
        for _ in range(minutes):
            for piece in range(10):
                topics = [topic for topic, n in n_by_topic.items() for _ in range(n // 10)]
                if topics:
                    self.rates.take(topics, self.minute * MINUTE_S + piece)
            self.minute += 1
        return self.rates.floods()


def test_a_hundred_times_the_normal_rate_is_a_flood_of_that_topic_only() -> None:
    line = Line()
    assert line.send(10, press=60, oven=600) == {}
    assert line.send(1, press=6000, oven=600) == {"press": 1}
    assert line.send(3, press=6000, oven=600) == {"press": 4}
    assert line.send(30, press=60, oven=600) == {"press": 4}


def test_flood_that_lasts_becomes_normal() -> None:
    line = Line()
    line.send(10, press=60, oven=600)
    assert 5 < line.send(120, press=6000, oven=600)["press"] < 30


def test_flood_that_is_spread_over_many_topics_is_one_of_all() -> None:
    line = Line()
    line.send(10, press=60)
    assert set(line.send(1, press=60, **{f"t{i}": 10 for i in range(600)})) == {ALL}


def test_what_was_held_back_while_nobody_listened_is_no_flood() -> None:
    line = Line()
    line.send(10, press=60, oven=60)
    line.minute += 120
    assert line.send(1, press=7200, oven=7200) == {}
    assert line.send(60, press=60, oven=60) == {}


def test_what_one_gateway_held_back_is_no_flood() -> None:
    line = Line()
    line.send(10, press=60, oven=60)
    line.send(120, oven=60)
    assert "press" not in line.send(1, press=7200, oven=60)


def test_what_comes_after_a_restart_does_not_become_normal() -> None:
    line = Line()
    line.send(2, press=7200)
    line.send(10, press=60)
    assert "press" in line.send(1, press=6000)


def test_work_after_a_quiet_night_is_no_flood() -> None:
    line = Line()
    line.send(480, press=6000)
    line.send(960, press=10)
    assert line.send(10, press=6000) == {}


def test_few_messages_are_no_flood() -> None:
    line = Line()
    line.send(10, press=10)
    assert line.send(1, press=900) == {}


def test_number_of_topics_is_bounded() -> None:
    rates = Rates()
    for i in range(30):
        rates.take([f"t{i}-{j}" for j in range(1000)], 0.0)
    assert len(rates._flows) <= 10_001
