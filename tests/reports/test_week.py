"""The page of a week: what is said of each part, what needs a decision, and that nothing of the plant is markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.text import catalogue
from reports.figures import percent
from reports.week import page, picture, words
from reports.week.figures import AlarmFigures
from reports.week.needs import needs
from tests.reports.bad_week import ALERT, BAD, END, LOAD


def test_each_thing_that_is_wrong_needs_a_decision_the_most_urgent_first() -> None:
    commands = [need.command for need in needs(BAD)]
    assert commands == [
        "forewarn status",
        "forewarn alerts list --rule forewarn-no-data --open",
        "forewarn deadletter list",
        "forewarn alerts list --open --priority high",
        "forewarn alerts list --open",
        "forewarn alerts list --asks",
        "forewarn threshold show pump-failure",
        "forewarn events autopsy --days 8",
        "forewarn models list",
        "forewarn train failure --detector pump-failure",
        "forewarn models show m2",
        "forewarn models show m1",
        "forewarn train quality --detector purity",
        "forewarn train quality --detector purity",
        "forewarn train quality --detector grade",
        "forewarn alerts list --rule factor-heat --open",
        "forewarn alerts performance --days 30 --prove",
    ]


def test_a_goal_that_few_alerts_always_miss_needs_no_decision() -> None:
    calm = replace(BAD, alarms=(AlarmFigures((replace(LOAD, missed=("top_share",)),), (0,) * 7), BAD.alarms[1]))
    assert not [need for need in needs(calm) if "performance" in need.command]


def test_an_alert_of_an_hour_ago_and_one_that_is_acknowledged_need_none() -> None:
    fresh = replace(ALERT, raised_at=END - timedelta(hours=1))
    quiet = replace(BAD, standing=(fresh, replace(ALERT, is_acked=True)))
    assert not [need for need in needs(quiet) if "--priority high" in need.command]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_that_came_from_the_plant_is_markup(language: str) -> None:
    html = page.page(BAD, needs(BAD), catalogue(language), language)
    assert f'<html lang="{language}">' in html
    for raw in ("<b>", "<i>", "<u>", "<x>", "<1>"):
        assert raw not in html
    assert "Hot &lt;b&gt;oil&lt;/b&gt;" in html
    assert 'href="https://console.example/system"' in html
    assert html.count("<li>") == len(needs(BAD)) + len(BAD.changes)


def test_the_text_says_what_the_figures_are_and_what_is_not_known_is_no_nought() -> None:
    text = "\n".join(page.lines(BAD, needs(BAD), catalogue("en")))
    for said in (
        "Of 2 that a model watched for, 1 were warned of in time.",
        "Nothing watched for 1: no model",
        "2.0 h ahead",
        "no warning in time: threshold too high",
        "Not kept: most in 10 min; share of the ten most frequent.",
        "Silent now, since: p/1/heat (2026-11-16 09:00), p/2 (2026-11-16 09:00).",
        "heat outside: 3 times this week, 0 the week before, outside now on 1 assets",
        "drifted, overdue, cannot be used, a newer one waits",
        "purity: errs by 2 over 40 lots, against 1 in the back-test",
        "grade: misses 12 of 20 bad lots since 2026-11-16 09:00, against 25.0% in the back-test",
    ):
        assert said in text
    rows = {line.split("  ")[1]: line.split() for line in text.splitlines() if line.startswith("  ")}
    assert rows["false alarms per asset and week"][-3:] == ["0.25", "0", "+0.25"]
    assert rows["bad lots by purity"][-4:] == ["50.0%", "25.0%", "+25.0", "pp"]
    assert rows["bad lots that it called bad"][-2:] == ["40.0%", "–"]
    assert rows["good lots that it called bad"][-2:] == ["25.0%", "–"]
    assert rows["judged lots that grade had predicted"][-3:] == ["30", "0", "+30"]
    assert rows["error of its probabilities (Brier score)"][-2:] == ["0.3", "–"]
    assert rows["error of purity (root mean square)"][-3:] == ["1.5", "%", "–"]


def test_a_week_without_data_names_the_plants_week_in_which_the_newest_came() -> None:
    newest = datetime(2026, 11, 1, 16, tzinfo=UTC)  # in Seoul it is Monday
    nothing = replace(BAD, data=(replace(BAD.data[0], received=0), BAD.data[1]), newest_data=newest)
    text = "\n".join(page.lines(nothing, [], catalogue("en")))
    assert "the newest data came in 2026-W45." in text


def test_the_picture_draws_each_day_and_counts_many_stops() -> None:
    names = [f"day {i}" for i in range(7)]
    drawn = picture.days(names, (3, 0, 0, 0, 0, 0, 1), (1,), (2, 9, 0, 0, 0, 0, 0), ("now", "before", "stop"))
    assert drawn.count("<rect") == 2 + 2 * 7
    assert drawn.count("l5 9h-10z") == 1 + 2 + 1  # in the legend, two stops, and one for nine
    assert "× 9" in drawn
    assert all(name in drawn for name in names)


def test_a_month_is_called_no_week_and_its_picture_names_some_days() -> None:
    month = replace(BAD, name="", said="a month", days=tuple(BAD.days[0] + timedelta(days=i) for i in range(30)))
    counts = (1,) * 30
    stops = tuple(replace(x, by_day=counts) for x in BAD.stops)
    month = replace(month, stops=stops, alarms=tuple(replace(x, by_day=counts) for x in BAD.alarms))
    html = page.page(month, [], catalogue("en"), "en")
    assert "<h1>Plant &lt;1&gt;: a month</h1>" in html
    assert "the time before" in html
    assert "this week</th>" not in html
    names = [name for name in ("11-16", "11-17", "11-20", "12-14") if f"{name}</text>" in html]
    assert names == ["11-16", "11-20", "12-14"]
    assert page.title(month, catalogue("ko")) == "Plant <1>: a month"


def test_a_share_changes_by_points_and_a_level_by_its_unit() -> None:
    assert words.compared("bad", 0.185, 0.226, percent) == ("bad", "18.5%", "22.6%", "-4.1 pp")
    assert words.compared("mean", 2.75, 2.5, words.with_unit("%"))[3] == "+0.25 %"
