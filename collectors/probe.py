"""Examines a plant's broker: settings in, findings out, each with what to do about it.

It publishes below `<root>/$probe/` only, which collectors ignore, and takes its session away when it is done.
What cannot be seen from outside (whether sessions are written to disk) is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collectors.connection import Heard, Talk, TalkError, client_id, subscriptions, talk
from collectors.decode import Raw
from collectors.reception import PROBE, Reception
from collectors.settings import MqttSettings
from domain.instants import from_ns
from domain.plant import Plant
from domain.ports import Clock

N_QUEUED: Final = 1200  # more than the 1,000 that mosquitto keeps by default
LISTEN_S: Final = 2.0
QUIET_S: Final = 1.5
MOST_SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and for a fault what to do."""

    subject: str
    is_fault: bool
    text: str
    advice: str = ""


def examine(settings: MqttSettings, plant: Plant, clock: Clock) -> Iterator[Finding]:
    """Yield the findings about the broker of `[mqtt]`, in the order of the looks; ends at one that stops the rest."""
    where = f"{settings.host}:{settings.port}"
    name = f"{client_id(settings)}-probe"
    try:
        with talk(settings, name) as opened:
            yield Finding("broker", False, f"{where} answers, {_security(settings)}")
            yield from _subscription(opened, settings)
            heard = opened.hear(LISTEN_S)
    except TalkError as error:
        yield Finding("broker", True, f"{where}: {error}", _connection_advice(str(error)))
        return
    yield from _retained(heard, settings, plant, clock.now())
    yield from _clock(heard, settings, plant, clock.now())
    try:
        yield from _delivery(settings, name)
        yield from _queue(settings, name)
    except TalkError as error:
        yield Finding("queue", True, str(error), "look at the broker's log")
    finally:
        _clean_up(settings, name)


def _security(settings: MqttSettings) -> str:
    user = f"as user {settings.username!r}" if settings.username else "without a user name"
    if settings.tls.is_enabled:
        return f"{user}, over TLS" + (" with a client certificate" if settings.tls.certificate_file else "")
    return f"{user}, without TLS"


def _connection_advice(error: str) -> str:
    said = error.lower()
    if "authori" in said or "user name" in said:
        return "check [mqtt] username and password, and the broker's password file"
    if "certificate" in said or "ssl" in said or "tls" in said:
        return "check [mqtt.tls]: the CA that signs the broker's certificate, the host name in it, our own certificate"
    return "check [mqtt] host and port, that the broker runs, and the firewall between"


def _subscription(opened: Talk, settings: MqttSettings) -> Iterator[Finding]:
    for topic in subscriptions(settings):
        plain = topic.split("/", 2)[2] if topic.startswith("$share/") else topic  # to share would take live messages
        if opened.subscribe(plain):
            yield Finding("subscription", False, f"{plain} is granted")
        else:
            yield Finding("subscription", True, f"{plain} is refused", "let this user read it in the broker's ACL")


def _retained(heard: Sequence[Heard], settings: MqttSettings, plant: Plant, now: datetime) -> Iterator[Finding]:
    """Tell of retained messages: each comes again with every connection, as old news."""
    retained = [m for m in heard if m.is_retained]
    if not retained:
        yield Finding("retained", False, "no retained messages")
        return
    times = [at for m in retained for at in _times(m, settings, plant, now)]
    age = f", the oldest of {min(times).isoformat()}" if times else ", none that tells its time"
    yield Finding(
        "retained",
        False,
        f"{len(retained)} retained messages{age}, such as {retained[0].topic!r}",
        "publishers should not set `retain` on measurements; the collector keeps them flagged as old news",
    )


def _clock(heard: Sequence[Heard], settings: MqttSettings, plant: Plant, now: datetime) -> Iterator[Finding]:
    """Compare the publishers' clocks with ours, by live messages that came while we listened."""
    live = [m for m in heard if not m.is_retained]
    ahead = [at - now for m in live for at in _times(m, settings, plant, now)]
    if not ahead:
        yield Finding("clock", False, f"no live message with a time in {LISTEN_S:.0f} s: clocks were not compared")
        return
    first, last = min(ahead).total_seconds(), max(ahead).total_seconds()
    yield Finding(
        "clock",
        timedelta(seconds=last) > MOST_SKEW,
        f"{len(live)} live messages, their times {first:+.1f} to {last:+.1f} s from this machine's clock",
        "" if timedelta(seconds=last) <= MOST_SKEW else "set the clocks by NTP, here or at the publishers",
    )


def _times(message: Heard, settings: MqttSettings, plant: Plant, now: datetime) -> list[datetime]:
    """Return the times that a message states, however far ahead they are."""
    lenient = settings.model_copy(update={"max_future_s": 10**9})
    decoded = Reception(lenient, plant).decode_again(Raw("probe", message.topic, message.payload, now))
    return [from_ns(at) for at in decoded.points.at.tolist() if from_ns(at) != now]


def _delivery(settings: MqttSettings, name: str) -> Iterator[Finding]:
    """See a message come back: a broker grants subscriptions that its ACL then silently withholds."""
    topic = f"{settings.root}/{PROBE}/{name}/delivery"
    with talk(settings, name) as opened:
        opened.subscribe(f"{settings.root}/#")
        opened.hear(0.2)
        opened.publish(topic, [b"probe"])
        is_back = any(m.topic == topic for m in opened.hear(QUIET_S))
    if is_back:
        yield Finding("delivery", False, f"a message published below {settings.root}/{PROBE}/ came back")
        return
    yield Finding(
        "delivery",
        True,
        f"a message published to {topic} did not come back, though the broker accepted it",
        f"its ACL denies this user either to read {settings.root}/# or to write {settings.root}/{PROBE}/#: allow both",
    )


def _queue(settings: MqttSettings, name: str) -> Iterator[Finding]:
    """Publish more than a broker keeps by default while the probe's session is away, and count what comes."""
    topic = f"{settings.root}/{PROBE}/{name}/queue"
    _clean_up(settings, name)
    with talk(settings, name, is_clean=False) as opened:
        opened.subscribe(topic)
    with talk(settings, f"{name}-sender") as opened:
        opened.publish(topic, [b"%d" % i for i in range(N_QUEUED)])
    with talk(settings, name, is_clean=False) as opened:
        has_session = opened.has_session
        kept = len({m.payload for m in opened.hear(QUIET_S, N_QUEUED) if m.topic == topic})
    if not has_session:
        yield Finding(
            "session", True, "the broker forgot the session of a client that was away", "allow persistent sessions"
        )
        return
    yield Finding(
        "session",
        False,
        "a session outlives its connection; whether it outlives the broker cannot be seen from here",
        "set `persistence true` and a short `autosave_interval`, as deploy/mosquitto does",
    )
    is_short = kept < N_QUEUED
    yield Finding(
        "queue",
        is_short,
        f"of {N_QUEUED} messages for a collector that was away the broker kept {kept}",
        "set `max_queued_messages 0` and a bound by bytes (deploy/mosquitto): the rest is lost in silence"
        if is_short
        else "",
    )


def _clean_up(settings: MqttSettings, name: str) -> None:
    """Take the probe's session and queue away: a clean session of the same name ends the kept one."""
    try:
        with talk(settings, name, is_clean=True):
            pass
    except TalkError:
        return
