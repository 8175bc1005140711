"""What a notification says, and the key that stays the same for every repeat."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.messages import Background, Receiver, local, messages_for
from domain.alerting import AlertState, Change, Message, Transition
from domain.scores import Contribution
from domain.text import LOCALES
from tests.alerts.examples import at, raised, rule

WHY = tuple(Contribution(name, amount) for name, amount in (("T24", 3.0), ("T30", 2.0), ("P30", 1.0), ("T50", 0.5)))
BACKGROUND = Background("degC", WHY, "Asia/Seoul")
LOG, MAIL = Receiver("log", "en"), Receiver("mail", "en")
RAISE = Transition(raised().id, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, at(0), 11.25, "", "")


def made(*rows: Transition, receivers: tuple[Receiver, ...] = (LOG,), **background: Any) -> tuple[Message, ...]:
    return messages_for(raised(), rule(), rows, receivers, replace(BACKGROUND, **background))


def payload(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.payload)
    return found


def test_text_in_english() -> None:
    assert payload(made(RAISE)[0])["text"] == (
        "The press is too hot: plant/press\n"
        "Since 2026-03-01 19:00 KST: 11.25 degC, limit 10\n"
        "Moved most by: T24, T30, P30\n"
        "What to do: Check the cooling water"
    )


def test_text_leaves_out_what_is_not_known() -> None:
    bare = messages_for(raised(), rule(action=""), [replace(RAISE, value=None)], [LOG], Background("", (), "UTC"))
    assert payload(bare[0])["text"] == "The press is too hot: plant/press\nSince 2026-03-01 10:00 UTC: , limit 10"


def test_fields_for_machines() -> None:
    fields = payload(made(RAISE)[0])
    del fields["text"]
    assert fields == {
        "alert": raised().id,
        "key": ["hot", "plant/press", "T24"],
        "change": "raised",
        "at": "2026-03-01T10:00:00+00:00",
        "value": 11.25,
        "limit": 10.0,
        "unit": "degC",
        "priority": "high",
        "why": ["T24", "T30", "P30"],
    }


def test_times_are_in_the_plants_zone() -> None:
    assert "2026-03-01 05:00 EST" in payload(made(RAISE, zone="America/New_York")[0])["text"]
    assert local(at(0), "Europe/Berlin") == "2026-03-01 11:00 CET"


def test_key_is_alert_sequence_and_receiver() -> None:
    again = replace(RAISE, sequence=2, change=Change.RE_RAISED)
    assert [(m.key, m.notifier, m.alert_id) for m in made(RAISE, again, receivers=(LOG, MAIL))] == [
        ("0123456789abcdef:0:log", "log", "0123456789abcdef"),
        ("0123456789abcdef:0:mail", "mail", "0123456789abcdef"),
        ("0123456789abcdef:2:log", "log", "0123456789abcdef"),
        ("0123456789abcdef:2:mail", "mail", "0123456789abcdef"),
    ]


def test_same_alert_gives_the_same_messages() -> None:
    assert made(RAISE, receivers=(LOG, MAIL)) == made(RAISE, receivers=(LOG, MAIL))


@pytest.mark.parametrize("change", [Change.RETURNED, Change.ACKNOWLEDGED])
def test_only_raises_are_told(change: Change) -> None:
    assert made(replace(RAISE, change=change)) == ()


def test_nobody_to_tell() -> None:
    assert made(RAISE, receivers=()) == ()


def test_braces_in_names_are_not_placeholders() -> None:
    odd = messages_for(raised(), rule(title="{x} 100%"), [RAISE], [LOG], BACKGROUND)
    assert payload(odd[0])["text"].startswith("{x} 100%: plant/press\n")


@pytest.mark.skipif(not (LOCALES / "ko").is_dir(), reason="there is no Korean catalogue")
def test_korean_differs_in_its_text_only() -> None:
    english, korean = (payload(m) for m in made(RAISE, receivers=(LOG, Receiver("katalk", "ko"))))
    assert english.pop("text") != korean.pop("text")
    assert english == korean
