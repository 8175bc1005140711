"""The weekly report on its way: when it is due, once for each receiver in its language, and what the config may say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.email import ATTACHED, _address, written
from app.clock import SystemClock
from app.notify import Delivering
from app.reporting import sending
from app.rooms import Rooms
from app.service import Service
from app.settings import load
from domain.alerting import Message
from domain.errors import ConfigError
from tests.app import tiny_plant as tiny
from tests.app.test_notify import Hearing

MONDAY = datetime.fromisoformat("2026-02-22T21:00:00+00:00")  # 06:00 in Seoul
MINUTE = timedelta(minutes=1)
WEEKLY = """
[[notifiers]]
name = "boss"
kind = "email"
language = "ko"
options = { host = "localhost", to = ["boss@example.com"], sender = "forewarn@example.com", security = "plain" }
[delivery]
weekly = "mon 06:00"
weekly_to = ["boss", "log"]
"""


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """Open a plant whose boss wants a mail on Monday mornings."""
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=tiny.FOREWARN + WEEKLY)) as opened:
        yield opened


def _waiting(rooms: Rooms, now: datetime) -> dict[str, Message]:
    return {m.key: m for m in rooms.ledger.outbox.due(now)}


def test_it_is_planned_on_monday_once_for_each_receiver_and_again_a_week_later(rooms: Rooms) -> None:
    sending.send_due(rooms, MONDAY - 7 * timedelta(days=1))  # the one before
    first = set(_waiting(rooms, MONDAY))
    assert sending.send_due(rooms, MONDAY - MINUTE) == ""
    assert sending.send_due(rooms, MONDAY) == "2026-W08"
    assert sending.send_due(rooms, MONDAY + MINUTE) == ""
    assert set(_waiting(rooms, MONDAY)) - first == {"weekly:2026-W08:boss", "weekly:2026-W08:log"}
    assert sending.send_due(rooms, MONDAY + timedelta(days=7)) == "2026-W09"


def test_what_was_due_while_nothing_ran_is_planned_at_the_start(rooms: Rooms) -> None:
    assert sending.send_due(rooms, MONDAY + timedelta(days=3)) == "2026-W08"


def test_a_kill_after_the_plan_makes_no_second_message(rooms: Rooms) -> None:
    sending.send_due(rooms, MONDAY)
    rooms.ledger.save_note(sending.NOTE, "2026-W07")  # as it was before
    assert sending.send_due(rooms, MONDAY + MINUTE) == "2026-W08"
    assert len(_waiting(rooms, MONDAY + MINUTE)) == 2


def test_a_mail_carries_the_page_and_a_log_the_short_text_in_their_languages(rooms: Rooms) -> None:
    sending.send_due(rooms, MONDAY)
    found = _waiting(rooms, MONDAY)
    boss, log = (json.loads(found[f"weekly:2026-W08:{name}"].payload) for name in ("boss", "log"))
    assert boss["subject"] == "Tiny: 2026-W08 주간 보고"
    assert "<svg" in boss["page"]
    assert "page" not in log
    assert log["text"].startswith("Tiny: the week 2026-W08")
    assert "purity has no model yet." in log["text"]
    assert log["text"].endswith("forewarn report weekly --week 2026-W08")


def test_the_mail_shows_the_page_and_attaches_it(rooms: Rooms) -> None:
    sending.send_due(rooms, MONDAY)
    message = _waiting(rooms, MONDAY)["weekly:2026-W08:boss"]
    mail = written(message, _address("forewarn@example.com"), [_address("boss@example.com")])
    page = json.loads(message.payload)["page"]
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (ATTACHED, "text/html")
    shown = mail.get_body(("html",))
    assert shown is not None
    assert shown.get_content().strip() == attached.get_content().strip() == page.strip()
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "결정이 필요한 일" in plain.get_content()


def test_it_goes_out_by_the_receivers_as_any_message_does(rooms: Rooms) -> None:
    boss, log = Hearing(), Hearing()
    sending.send_due(rooms, MONDAY)
    assert Delivering(rooms, {"boss": boss, "log": log}).dispatch(MONDAY) == 2
    assert [len(x.got) for x in (boss, log)] == [1, 1]
    assert rooms.ledger.outbox.counts().waiting == 0


def test_a_running_service_sends_it_and_sends_no_second_one(tmp_path: Path) -> None:
    text = tiny.FOREWARN + '[delivery]\nweekly = "mon 00:00"\nweekly_to = ["log"]\n'  # that was in this week
    settings = tiny.settings_in(tmp_path, forewarn_toml=text + "[console]\nis_enabled = false\n")
    for n_runs in (1, 2):
        service = Service(settings, SystemClock(), stopping := threading.Event(), warming=lambda *_: None)
        thread = threading.Thread(target=service.run, kwargs={"is_ready": (ready := threading.Event()).set})
        thread.start()
        try:
            assert ready.wait(60)
            for _ in range(1200):
                if service.rooms.ledger.job_counts().get("weekly", {}).get("runs") == n_runs:
                    break
                stopping.wait(0.05)
        finally:
            stopping.set()
            thread.join(60)
    with tiny.rooms_of(settings) as rooms:
        assert rooms.ledger.job_counts()["weekly"]["runs"] == 2
        assert rooms.ledger.outbox.counts().sent == 1


def test_it_is_due_at_the_wall_time_of_the_plant_whatever_the_clocks_do() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for now, expected in (
        ("2026-03-29T12:00+02:00", "2026-03-23T06:00+01:00"),
        ("2026-03-30T00:00+02:00", "2026-03-30T06:00+02:00"),
    ):
        found = sending.due(0, time(6), berlin, datetime.fromisoformat(now))
        assert found == datetime.fromisoformat(expected)


def test_without_a_time_nothing_is_sent(tmp_path: Path) -> None:
    with tiny.rooms_of(tiny.settings_in(tmp_path)) as rooms:
        assert sending.send_due(rooms, MONDAY) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('weekly = "monday 6"\nweekly_to = ["log"]', "is not a day and a time"),
        ('weekly = "mon 25:00"\nweekly_to = ["log"]', "is not a time of day"),
        ('weekly = "mon 06:00"', "need each other"),
        ('weekly_to = ["log"]', "need each other"),
        ('weekly = "mon 06:00"\nweekly_to = ["lag"]', 'did you mean "log"'),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(text: str, why: str, tmp_path: Path) -> None:
    folder = tiny.write(tmp_path, forewarn_toml=f"{tiny.FOREWARN}\n[delivery]\n{text}\n")
    with pytest.raises(ConfigError) as refused:
        load(folder)
    assert why in str(refused.value)
