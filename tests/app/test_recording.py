"""Events recorded by hand: what is written, versions of it, and every way in which it is refused in words."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from app.cli import main
from app.recording import KNOWN, NEW, VERSION, record
from app.settings import Settings
from domain.errors import RecordError
from domain.records import Event, EventKind, Told
from domain.text import catalogue, spoken
from tests.app import tiny_plant as tiny

NOW = tiny.at(24 * 60)
STOP = Told(tiny.PUMP, "failure", "seal", "2026-01-05T10:00", note=" leaks ", by="Kim")


def test_a_time_without_a_zone_is_the_plants_and_the_event_is_known_from_now_on(plant: Settings) -> None:
    with tiny.rooms_of(plant) as rooms:
        found = record(rooms, STOP, NOW)
        start = datetime.fromisoformat("2026-01-05T01:00:00+00:00")  # Seoul is 9 hours ahead
        expected = Event(tiny.PUMP, EventKind.FAILURE, "seal", start, None, NOW, "leaks (Kim)")
        assert (found.event, found.outcome) == (expected, NEW)
        assert rooms.ledger.records.events(NOW) == [expected]


def test_its_end_is_a_new_version_and_the_same_again_is_known(plant: Settings) -> None:
    with tiny.rooms_of(plant) as rooms:
        record(rooms, STOP, NOW)
        ended = Told(tiny.PUMP, "failure", "seal", "2026-01-05T01:00Z", "2026-01-05T03:00Z", "leaks", "Kim")
        assert record(rooms, ended, tiny.at(25 * 60)).outcome == VERSION
        assert record(rooms, ended, tiny.at(26 * 60)).outcome == KNOWN
        (event,) = rooms.ledger.records.events(tiny.at(27 * 60))
        assert event.end == datetime.fromisoformat("2026-01-05T03:00:00+00:00")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"asset": "plant/pmp-1"}, "no such asset: 'plant/pmp-1' - did you mean \"plant/pump-1\"?"),
        ({"kind": "failur"}, "no such kind of event: 'failur' - did you mean \"failure\"?"),
        ({"start": "yesterday"}, "start cannot be read: 'yesterday'"),
        ({"end": "5.1.2026"}, "end cannot be read: '5.1.2026'"),
        ({"start": "2026-01-07T00:00"}, "the start lies in the future"),
        ({"end": "2026-01-05T09:00"}, "the end lies before the start"),
        ({"code": "x" * 201}, "the code is longer than 200 letters"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_words_and_nothing_is_kept(
    plant: Settings, changed: dict[str, str], said: str
) -> None:
    told = Told(**{**{f: getattr(STOP, f) for f in STOP.__slots__}, **changed})
    with tiny.rooms_of(plant) as rooms:
        with pytest.raises(RecordError) as refused:
            record(rooms, told, NOW)
        assert rooms.ledger.records.events(NOW) == []
    assert said in str(refused.value)
    assert spoken(catalogue("en"), refused.value.stored) == str(refused.value)
    assert spoken(catalogue("ko"), refused.value.stored) != str(refused.value)


def test_the_command_adds_lists_and_says_what_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(tiny.write(tmp_path))]
    event = ["--asset", tiny.PUMP, "--kind", "maintenance", "--code", "belt", "--start", "2026-01-05T10:00"]
    assert main(["events", "add", *config, "--asset", tiny.PUMP]) == 2
    assert "needs --kind, --start" in capsys.readouterr().err
    assert main(["events", "add", *config, *event, "--end", "2026-01-05T11:00", "--by", "Kim"]) == 0
    assert "2026-01-05 10:00 KST - 2026-01-05 11:00 KST  maintenance  belt  plant/pump-1: recorded" in (
        capsys.readouterr().out
    )
    assert main(["events", "add", *config, *event, "--start", "tomorrow"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["events", "list", *config, "--json", "--kind", "maintenance"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["code"], row["start"], row["note"]) == ("belt", "2026-01-05T01:00:00+00:00", "(Kim)")
    assert main(["events", "list", *config, "--asset", tiny.OTHER]) == 0
    assert "no such event" in capsys.readouterr().out
