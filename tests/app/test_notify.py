"""From a raise to its messages with a real ledger: who is told, again after a restart, and what the config may say."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.messages import Background, notices_for
from app import secrets
from app.attending import acknowledge
from app.cli import main
from app.notify import Delivering, notifiers
from app.rooms import Rooms
from app.settings import load
from benchmarks import receivers
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Message, Priority, Transition, alert_id
from domain.audit import Actor
from domain.errors import ConfigError
from tests.app import tiny_plant as tiny

HOUR = timedelta(hours=1)
DELIVERY = """
[[notifiers]]
name = "crew"
kind = "log"
language = "ko"
[[notifiers]]
name = "boss"
kind = "log"
[[routes]]
assets = ["plant/pump-*"]
to = ["crew"]
escalate = [{ after = "30min", to = ["boss"] }]
"""


class Hearing:
    """A receiver that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def send(self, message: Message) -> None:
        self.got.append(message)


def raised(rooms: Rooms, now: datetime) -> str:
    """Raise an alert on the first pump, as the rules do."""
    (rule,) = [r for r in rooms.settings.rules if r.id == "pressure-high"]
    key = AlertKey(rule.id, tiny.PUMP, rule.watch)
    alert = Alert(alert_id(key, now), key, AlertState.ACTIVE_UNACKED, now, None, now, now, 8.5, 8.0, Priority.HIGH, 1)
    row = Transition(alert.id, 0, Change.RAISED, alert.state, now, 8.5, "", "")
    update = AlertUpdate(alert, (row,), notices_for(alert, rule, (row,), Background("bar", ())))
    rooms.ledger.alerting.save([update], {}, now)
    return alert.id


def restarted(rooms: Rooms, hears: dict[str, Hearing]) -> Delivering:
    return Delivering(rooms, hears)


def test_repeat_and_escalation_go_on_through_restarts(tmp_path: Path) -> None:
    settings = tiny.settings_in(tmp_path, forewarn_toml=tiny.FOREWARN + DELIVERY)
    hears = {name: Hearing() for name in ("log", "crew", "boss")}
    told: list[tuple[str, float]] = []
    with tiny.rooms_of(settings) as rooms:
        alert = raised(rooms, tiny.T0)
        for minute in range(0, 9 * 60, 5):
            now = tiny.at(minute + 1)
            before = {name: len(h.got) for name, h in hears.items()}
            restarted(rooms, hears).dispatch(now)
            told += [(name, minute) for name, h in hears.items() if len(h.got) > before[name]]
            if minute == 5 * 60:
                acknowledge(rooms, alert, Actor("kim"), "", now)
    assert told == [("crew", 0), ("boss", 30), ("crew", 240), ("boss", 270)]
    assert len({m.key for h in hears.values() for m in h.got}) == 4
    (first, again) = (json.loads(m.payload) for m in hears["crew"].got)
    assert "8.5 bar" in first["text"]
    assert "4시간째 확인되지 않음" in again["subject"]


def test_every_receiver_is_told_where_there_are_no_routes(rooms: Rooms) -> None:
    hears = {"log": Hearing()}
    raised(rooms, tiny.T0)
    assert Delivering(rooms, hears).dispatch(tiny.at(1)) == 1
    assert Delivering(rooms, hears).dispatch(tiny.at(2)) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[routes]]\nto = ["creww"]', "routes[0].to = 'creww': no such notifier - did you mean \"crew\"?"),
        ('[[routes]]\nto = ["crew"]\nshifts = ["night"]', "routes[0].shifts = 'night': no such shift"),
        ('[[routes]]\nto = ["crew"]\nquiet = "22"', "stretch of the day"),
        ('[[routes]]\nto = ["crew"]\nrepeat = "5s"', "only be noise"),
        ("[[routes]]\nto = []", "routes[0].to"),
        ('[[routes]]\nto = ["crew"]\nescalate = [{ after = "1h", to = ["x"] }]', "routes[0].escalate[0].to"),
        ('[[shifts]]\nname = "n"\nstart = "25:00"', "time of day"),
        ('[[shifts]]\nname = "n"\n[[shifts]]\nname = "n"', "stands twice"),
        ('[watchdog]\nsecond = ["pager"]', "watchdog.second"),
        ('[watchdog]\nheartbeat_to = ["x"]', "watchdog.heartbeat_to"),
        ('[watchdog]\ncanary_at = "6"', "time of day"),
        ('[watchdog]\ncanary_timeout = "1s"', "alarm about itself"),
        ('[delivery]\nconsole_url = "forewarn.local"', "http"),
        ('[[notifiers]]\nname = "a"\nkind = "log"\ninstead = "a"', "is the notifier itself"),
        ('[[notifiers]]\nname = "a"\nkind = "log"\ninstead = "b"', "notifiers[2].instead"),
    ],
)
def test_faults_of_delivery_are_named(tmp_path: Path, text: str, said: str) -> None:
    crew = '[[notifiers]]\nname = "crew"\nkind = "log"\n'
    with pytest.raises(ConfigError) as caught:
        load(tiny.write(tmp_path, forewarn_toml=f"{tiny.FOREWARN}{crew}{text}\n"))
    assert said in str(caught.value)


def test_faults_of_options_are_all_named_and_show_no_secret(tmp_path: Path) -> None:
    text = """
[[notifiers]]
name = "a"
kind = "webhook"
options = { url = "http://10.0.0.1/hook?token=s3cret-word" }
[[notifiers]]
name = "b"
kind = "email"
options = { host = "mail.example.com", to = ["x"], sender = "a@b.example", password = "s3cret-word" }
[[notifiers]]
name = "c"
kind = "apprise"
options = { url_file = "missing" }
"""
    settings = tiny.settings_in(tmp_path, forewarn_toml=tiny.FOREWARN + text)
    with pytest.raises(ConfigError) as caught, notifiers(settings):
        pass
    said = str(caught.value)
    assert "notifiers[1].options" in said
    assert "notifiers[2].options" in said
    assert "notifiers[3].options.url_file" in said
    assert "s3cret-word" not in said


def test_secrets_of_options_come_from_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("from-file\n")
    options = {"password_file": "mail", "host": "h"}
    toml = tmp_path / "forewarn.toml"
    assert secrets.of_options("crew", options, {}, toml, "k") == ({"password": "from-file", "host": "h"}, [])
    found, _ = secrets.of_options("my-crew", options, {"FOREWARN_MY_CREW_PASSWORD": "from-env"}, toml, "k")
    assert found["password"] == "from-env"
    _, faults = secrets.of_options("crew", {"url_file": "gone"}, {}, toml, "k")
    assert [(f.key, f.value) for f in faults] == [("k.url_file", "gone")]


def test_notify_test_says_what_the_receiver_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = ["", "503"]
    with receivers.web(lambda: answers.pop(0)) as (port, taken):
        hook = f"""
[[notifiers]]
name = "hook"
kind = "webhook"
language = "ko"
options = {{ url = "http://127.0.0.1:{port}/", allow = ["127.0.0.1"] }}
"""
        config = str(tiny.write(tmp_path, forewarn_toml=tiny.FOREWARN + hook))
        assert main(["notify", "test", "hook", "--config", config]) == 0
        assert capsys.readouterr().out == "hook: delivered\n"
        assert "수신자 hook 시험" in taken[0].payload["subject"]
        assert main(["notify", "test", "hook", "--config", config]) == 1
        assert "HTTP 503" in capsys.readouterr().err
    assert main(["notify", "test", "hok", "--config", config]) == 2
    assert 'did you mean "hook"' in capsys.readouterr().err
    assert main(["notify", "list", "--config", config]) == 0
    assert "hook             webhook  ko  nothing undelivered" in capsys.readouterr().out
