"""What a notification says, in each language, and what it is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from alerts.mail_page import page
from alerts.messages import LISTED, NAMED, Background, Reader, local, message, notices_for, sample, tellings
from alerts.planning import Item, Planned, Reason
from domain.alerting import AlertState, Change, Message, Notice, Priority, Transition
from domain.notices import OpenNotice, Telling
from domain.scores import Contribution
from tests.alerts.examples import at, raised, rule

WHY = tuple(Contribution(name, amount) for name, amount in (("T24", 3.0), ("T30", 2.0), ("P30", 1.0), ("T50", 0.5)))
BACKGROUND = Background("degC", WHY)
READER = Reader("en", "Asia/Seoul", "Tiny", "https://forewarn.example.com/")
RAISE = Transition(raised().id, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, at(0), 11.25, "", "")


def noticed(row: Transition = RAISE, background: Background = BACKGROUND, **changes: Any) -> Notice:
    (found,) = notices_for(raised(), rule(**changes), [row], background)
    return found


def written(*notices: Notice, reason: Reason = Reason.RAISED, minutes: float = 0, reader: Reader = READER) -> Message:
    items = tuple(
        Item(OpenNotice(n.key, n.alert_id, n.asset, n.rule, n.priority, at(0), True), 0, reason) for n in notices
    )
    facts = {n.key: n.facts for n in notices}
    return message(Planned("mail", "plant/press", items), facts, reader, at(minutes))


def payload(made: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.payload)
    return found


def many(n: int) -> list[Notice]:
    return [replace(noticed(), sequence=i, priority=Priority.HIGH if i < 3 else Priority.LOW) for i in range(n)]


def test_text_in_english() -> None:
    found = payload(written(noticed()))
    assert found["subject"] == "[high] The press is too hot: plant/press"
    assert found["text"] == (
        "The press is too hot: plant/press\n"
        "Since 2026-03-01 19:00 KST: 11.25 degC, limit 10 degC\n"
        "Moved most by: T24, T30, P30\n"
        "What to do: Check the cooling water\n"
        "Console: https://forewarn.example.com/alerts?alert=0123456789abcdef"
    )


def test_a_share_is_said_in_percent_and_a_tag_with_its_title() -> None:
    found = payload(written(noticed(background=replace(BACKGROUND, unit="%", factor=100.0, titles={"T30": "oil"}))))
    assert "1125 %, limit 1000 %" in found["text"]
    assert "Moved most by: T24, T30 (oil), P30" in found["text"]
    (told,) = found["alerts"]
    assert (told["value"], told["limit"], told["unit"], told["why"]) == (11.25, 10.0, "", ["T24", "T30", "P30"])
    assert "T24, T30 (oil), P30" in page(found)


def test_a_notice_of_an_earlier_version_is_still_told() -> None:
    made = noticed()
    facts = {k: v for k, v in json.loads(made.facts).items() if k not in ("said_in", "why_said")}
    found = payload(written(replace(made, facts=json.dumps(facts))))
    assert "11.25 degC, limit 10 degC\nMoved most by: T24, T30, P30" in found["text"]


def test_text_in_korean() -> None:
    korean = payload(written(noticed(), reader=replace(READER, language="ko")))
    english = payload(written(noticed()))
    assert "2026-03-01 19:00 KST" in korean["text"]
    assert "11.25 degC" in korean["text"]
    lines = zip(korean["text"].splitlines(), english["text"].splitlines(), strict=True)
    assert all(a != b for a, b in list(lines)[1:])  # the title is the plant's own words
    machine = ("key", "at", "value", "limit", "unit", "priority", "why", "affected", "alert", "change")
    for name in machine:
        assert korean["alerts"][0][name] == english["alerts"][0][name]


def test_text_leaves_out_what_is_not_known() -> None:
    bare = noticed(replace(RAISE, value=None), Background("", ()), action="")
    found = payload(written(bare, reader=Reader("en", "UTC")))
    assert found["text"] == "The press is too hot: plant/press\nSince 2026-03-01 10:00 UTC"


def test_fields_for_machines() -> None:
    found = payload(written(noticed()))
    fields = {k: found["alerts"][0][k] for k in ("alert", "key", "change", "at", "value", "limit", "unit", "priority")}
    assert fields == {
        "alert": raised().id,
        "key": ["hot", "plant/press", "T24"],
        "change": "raised",
        "at": "2026-03-01T10:00:00+00:00",
        "value": 11.25,
        "limit": 10.0,
        "unit": "degC",
        "priority": "high",
    }
    assert found["alerts"][0]["why"] == ["T24", "T30", "P30"]
    assert (found["n_alerts"], found["n_high"], found["reason"], found["language"]) == (1, 1, "raised", "en")


def test_what_is_affected_is_named_up_to_a_bound() -> None:
    names = tuple(f"tag_{i}" for i in range(NAMED + 5))
    text = payload(written(noticed(background=Background("", (), names))))["text"]
    assert "Affected: tag_0, tag_1" in text
    assert text.count("tag_") == NAMED
    assert "(+5)" in text


@pytest.mark.parametrize(
    ("reason", "minutes", "said"),
    [
        (Reason.RAISED, 5, None),
        (Reason.ESCALATED, 31, "Not acknowledged for 31 min"),
        (Reason.REPEATED, 242, "Not acknowledged for 4 h"),
    ],
)
def test_a_repeat_says_for_how_long_nobody_acknowledged(reason: Reason, minutes: float, said: str | None) -> None:
    found = payload(written(noticed(), reason=reason, minutes=minutes))
    assert ("Not acknowledged" in found["text"]) == (said is not None)
    if said is not None:
        assert said in found["text"].splitlines()
        assert found["subject"].endswith(f" - {said}")


def test_many_alerts_are_counted_and_the_first_are_listed() -> None:
    found = payload(written(*many(300)))
    assert found["subject"].startswith("300 alerts, 3 of high priority - first [high] The press is too hot")
    assert (found["n_alerts"], found["n_high"], len(found["alerts"])) == (300, 3, LISTED)
    assert found["text"].splitlines()[0] == found["subject"]
    assert found["text"].splitlines()[-1] == f"and {300 - LISTED} more: the console lists them all"


def test_only_the_listed_alerts_need_their_facts() -> None:
    notices = many(50)
    items = tuple(
        Item(OpenNotice(n.key, n.alert_id, n.asset, n.rule, n.priority, at(0), True), 0, Reason.RAISED) for n in notices
    )
    facts = {n.key: n.facts for n in notices[:LISTED]}
    assert payload(message(Planned("mail", "", items), facts, READER, at(0)))["n_alerts"] == 50


def test_message_carries_key_priority_and_group() -> None:
    made = written(noticed(), minutes=1)
    assert (made.key, made.notifier, made.alert_id) == ("0123456789abcdef:0:mail", "mail", "0123456789abcdef")
    assert (made.priority, made.about, made.planned_at) == (Priority.HIGH, "plant/press", at(1))


def test_every_item_of_a_message_is_told() -> None:
    item = Item(OpenNotice("n:0", "n", "a", "r", Priority.LOW, at(0), True), 2, Reason.REPEATED)
    assert tellings(Planned("mail", "a", (item,))) == [Telling("n:0", "mail", 2, "n:0:mail:2")]


def test_times_are_in_the_plants_zone() -> None:
    assert (
        "2026-03-01 05:00 EST" in payload(written(noticed(), reader=replace(READER, zone="America/New_York")))["text"]
    )
    assert local(at(0), "Europe/Berlin") == "2026-03-01 11:00 CET"


def test_there_is_one_notice_per_raise() -> None:
    again = replace(RAISE, sequence=2, change=Change.RE_RAISED)
    assert [n.key for n in notices_for(raised(), rule(), [RAISE, again], BACKGROUND)] == [
        "0123456789abcdef:0",
        "0123456789abcdef:2",
    ]


@pytest.mark.parametrize("change", [Change.RETURNED, Change.ACKNOWLEDGED])
def test_only_raises_are_told(change: Change) -> None:
    assert notices_for(raised(), rule(), [replace(RAISE, change=change)], BACKGROUND) == ()


def test_same_alert_gives_the_same_message() -> None:
    assert written(noticed()) == written(noticed())


def test_braces_in_names_are_not_placeholders() -> None:
    assert payload(written(noticed(title="{x} 100%")))["text"].startswith("{x} 100%: plant/press\n")


def test_subject_is_one_line_whatever_the_title_holds() -> None:
    subject = payload(written(noticed(title="a\r\nBcc: x@example.com")))["subject"]
    assert subject == "[high] a\\r\\nBcc: x@example.com: plant/press"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sample_names_the_receiver_and_the_plant(language: str) -> None:
    found = payload(sample("mail", replace(READER, language=language), at(0)))
    assert "mail" in found["subject"]
    assert "Tiny" in found["text"]
    assert "2026-03-01 19:00 KST" in found["text"]


class Tags(HTMLParser):
    """Collects the tags, links and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.links, self.words = set[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(html: str) -> Tags:
    found = Tags()
    found.feed(html)
    return found


@pytest.mark.parametrize("language", ["en", "ko"])
def test_page_says_what_the_text_says(language: str) -> None:
    found = payload(written(noticed(), reader=replace(READER, language=language)))
    page_of = parsed(page(found))
    words = " ".join(page_of.words)
    for part in (
        "The press is too hot",
        "plant/press",
        "11.25 degC",
        "T24, T30, P30",
        "Check the cooling water",
        "KST",
    ):
        assert part in words
    assert page_of.links == ["https://forewarn.example.com/alerts?alert=0123456789abcdef"]  # nothing is loaded


def test_page_in_korean_has_no_english_label() -> None:
    def labels(language: str) -> set[str]:
        plain = noticed(title="x", action="y", background=Background("", ()))
        words = parsed(page(payload(written(plain, reader=replace(READER, language=language))))).words
        return {word for word in words if not set(word) <= set("xy") and "plant/press" not in word}

    assert labels("en") & labels("ko") == set()


def test_page_escapes_what_came_from_the_plant() -> None:
    evil = "<script>alert(1)</script>"
    background = Background(evil, (Contribution(evil, 1.0),), (evil,))
    found = payload(written(noticed(title=evil, action=evil, background=background)))
    tags = parsed(page(found)).tags
    assert not tags & {"script", "img", "style", "link", "iframe"}
    assert "alert(1)" in page(found)


def test_page_links_to_the_web_only() -> None:
    found = payload(written(noticed(), reader=replace(READER, console="javascript:alert(1)//")))
    assert parsed(page(found)).links == []


def test_page_of_many_and_of_a_test() -> None:
    assert f"and {300 - LISTED} more" in page(payload(written(*many(300))))
    assert "alerts of Tiny will come this way" in page(payload(sample("mail", READER, at(0))))
