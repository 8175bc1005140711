"""`forewarn deadletter`: what a sender wrote never reaches a terminal as it is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from app.cli import main
from domain.records import Conflict, Decoded, Outcome, Reason, Rejected
from domain.text import printable
from tests.app import tiny_plant as tiny

EVIL = "t/\x1b[2J\rx\n     9  no dead letters"
PAYLOAD = b"time,x\n1,\x1b]0;owned\x07\xff\r\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    settings = tiny.settings_in(tmp_path)
    with tiny.rooms_of(settings) as rooms:
        items = (Rejected("mqtt", EVIL, Reason.JSON, f"said {EVIL}", PAYLOAD, "a\tb"),)
        conflict = Conflict(EVIL, tiny.at(1), "1.0", "\x1b[31m2.0")
        decoded = Decoded(tiny.decoded().points, rejected=items)
        rooms.journal.settle_block("b", "mqtt", tiny.at(5), decoded, Outcome(conflicts=(conflict,)))
    return str(settings.folder)


@pytest.mark.parametrize("action", [["list"], ["show", "1"], ["conflicts"]])
def test_control_signs_are_escaped(action: list[str], config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletter", *action, "--config", config]) == 0
    said = capsys.readouterr().out
    assert "\\x1b" in said
    assert all(c.isprintable() for c in said.replace("\n", "")), said
    assert not [line for line in said.splitlines() if line.startswith("     9")]


def test_a_letter_is_shown_with_its_lines(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletter", "show", "1", "--config", config]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "reason: json" in said
    assert "received_at: 2026-01-05T00:05:00+00:00" in said
    assert said[-4:] == ["payload: 22 bytes", "    time,x", "    1,\\x1b]0;owned\\x07\\xff\\r", "    "]


def test_a_letter_is_shown_as_json_with_its_very_bytes(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletter", "show", "1", "--json", "--config", config]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["id"], said["reason"], said["topic"], said["n_items"]) == (1, "json", EVIL, 1)
    assert (said["received_at"], said["replayed_at"]) == ("2026-01-05T00:05:00+00:00", None)
    assert base64.b64decode(said["payload_base64"]) == PAYLOAD


def test_conflicts_are_listed_with_both_values(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletter", "conflicts", "--json", "--config", config]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert (said["key"], said["at"], said["stored"]) == (EVIL, "2026-01-05T00:01:00+00:00", "1.0")
    assert said["offered"].endswith("2.0")


def test_a_number_that_is_missing_or_unknown_is_told(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletter", "show", "--config", config]) == 2
    assert main(["deadletter", "show", "99", "--config", config]) == 1
    assert main(["deadletter", "replay", "99", "--config", config]) == 1
    assert "no dead letter 99" in capsys.readouterr().err
    assert main(["deadletter", "replay", "--reason", "json", "--config", config]) == 0
    assert "1 read again: 0 mended" in capsys.readouterr().out


def test_printable_keeps_plain_text_and_escapes_the_rest() -> None:
    assert printable("온도 °C ½") == "온도 °C ½"
    assert printable("a\nb\x1b\u202e\udc80") == "a\\nb\\x1b\\u202e\\udc80"
