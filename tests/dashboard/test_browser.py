"""The served console in Chromium: every page in both languages, and an alert acknowledged by name."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from app.access import ConsoleGate
from benchmarks.pages import ARGUMENTS, FAULTS
from dashboard.console import ConsoleServer, create_app
from dashboard.source import Source
from domain.alerting import AlertState
from domain.text import catalogue
from tests.dashboard.conftest import ALERT, NOW, PRESS
from tests.dashboard.gates import PASSWORD, Hands, open_gate, with_people

HEADINGS = {"/": "Overview", "/asset": "Asset", "/alerts": "Alerts", "/quality": "Quality", "/system": "System"}
IN_SIGHT = """field => {
    const grid = document.querySelector("#alerts-grid").getBoundingClientRect();
    const cell = document.querySelector(`#alerts-grid .ag-row [col-id=${field}]`);
    return cell.getBoundingClientRect().right <= grid.right && cell.scrollWidth <= cell.clientWidth;
}"""
expect.set_options(timeout=20_000)  # a machine that runs the rest of the suite beside is slow


def faults_that_stay(page: Page) -> list[str]:
    """Return the faults of the page as it has settled: charts and grids share out their width after they are drawn."""
    with suppress(Error):
        page.wait_for_function(f"() => ({FAULTS})().length === 0", timeout=10_000)
    return page.evaluate(FAULTS)


@pytest.fixture
def browser_page(chromium: str, served: str) -> object:
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(served)
        yield page
        browser.close()


def test_each_page_opens_in_both_languages_without_a_fault(browser_page: Page, served: str) -> None:
    errors: list[str] = []
    browser_page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    for language in ("en", "ko"):
        t = catalogue(language)
        for path, heading in HEADINGS.items():
            browser_page.goto(f"{served}{path}?lang={language}")
            expect(browser_page.locator("main h1")).to_contain_text(t(heading))
            browser_page.wait_for_load_state("networkidle")
            assert faults_that_stay(browser_page) == []
    assert errors == []


def test_a_plant_without_detectors_logs_no_error_on_any_page(browser_page: Page, source: Source) -> None:
    server = ConsoleServer(create_app(replace(source, detectors=()), open_gate(source)), "127.0.0.1", 0)
    server.start()
    errors: list[str] = []
    browser_page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    try:
        for path, heading in HEADINGS.items():
            browser_page.goto(f"http://127.0.0.1:{server.port}{path}?lang=en")
            expect(browser_page.locator("main h1")).to_contain_text(heading)
            browser_page.wait_for_load_state("networkidle")
    finally:
        server.stop()
    assert errors == []


def test_no_page_scrolls_sideways_on_a_phone(browser_page: Page, served: str) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    for path in (*HEADINGS, "/alerts/worth", "/alerts/figures", "/alerts/rules", "/handover", "/people"):
        browser_page.goto(f"{served}{path}?lang=en")
        expect(browser_page.locator("main h1")).to_be_visible()
        browser_page.wait_for_load_state("networkidle")
        assert [path, *faults_that_stay(browser_page)] == [path]


@pytest.mark.parametrize(
    ("width", "fields"), [(390, ("asset", "title")), (1440, ("asset", "title", "raised", "value", "limit", "unit"))]
)
def test_where_what_and_how_far_of_an_alert_stand_in_sight(
    browser_page: Page, served: str, width: int, fields: tuple[str, ...]
) -> None:
    browser_page.set_viewport_size({"width": width, "height": 900})
    browser_page.goto(f"{served}/alerts?lang=en")
    expect(browser_page.locator("#alerts-grid .ag-row")).to_have_count(1)
    for field in fields:
        # The grid shares its width out after the first row is drawn.
        browser_page.wait_for_function(IN_SIGHT, arg=field)


def test_a_phone_reads_a_wide_table_line_by_line(browser_page: Page, served: str) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(f"{served}/handover?lang=en")
    cell = browser_page.locator("#handover-body td", has_text=PRESS).first
    expect(cell).to_be_visible()
    drawn = cell.evaluate("e => [getComputedStyle(e, '::before').content, e.getBoundingClientRect().right]")
    assert drawn[0] == '"Asset"'
    assert drawn[1] <= 390


def test_the_language_is_switched_on_the_page(browser_page: Page) -> None:
    expect(browser_page.locator("main h1")).to_have_text("Overview")
    browser_page.get_by_text("한국어").click()
    expect(browser_page.locator("main h1")).to_have_text("개요")
    browser_page.get_by_text("설비", exact=True).click()
    expect(browser_page.locator("main h1")).to_contain_text("설비")


def test_an_alert_is_acknowledged_by_name(browser_page: Page, served: str, source: Source) -> None:
    browser_page.goto(f"{served}/alerts?lang=en")
    row = browser_page.locator("#alerts-grid .ag-row").first
    expect(row).to_contain_text("active, unacknowledged")
    expect(browser_page.locator("#alerts-ack")).to_be_disabled()
    row.click()
    expect(browser_page.locator("#alerts-detail")).to_contain_text("score:press-failure")
    browser_page.locator("#alerts-ack").click()
    expect(browser_page.locator("#alerts-said")).to_have_text("Give your name first.")
    browser_page.locator("#alerts-by").fill("Kim")
    browser_page.locator("#alerts-ack").click()
    expect(browser_page.locator("#alerts-said")).to_have_text(f"Acknowledged by Kim: {PRESS}")
    expect(row).to_contain_text("active, acknowledged")
    kept = source.ledger.alerting.alert(ALERT)
    assert kept is not None
    assert (kept.state, kept.acked_by) == (AlertState.ACTIVE_ACKED, "Kim")


def test_alerts_are_downloaded_as_csv(browser_page: Page, served: str, tmp_path: Path) -> None:
    browser_page.goto(f"{served}/alerts?lang=ko")
    expect(browser_page.locator("#alerts-grid .ag-row")).to_have_count(1)
    with browser_page.expect_download() as waiting:
        browser_page.locator("#alerts-csv").click()
    file = tmp_path / "alerts.csv"
    waiting.value.save_as(file)
    text = file.read_text(encoding="utf-8-sig")
    assert "설비" in text.splitlines()[0]
    assert PRESS in text


def test_new_data_appear_by_themselves(browser_page: Page, served: str, source: Source) -> None:
    from domain.scores import Verdict
    from store.scoring import VerdictRow
    from tests.dashboard.conftest import LINE, NOW

    browser_page.goto(f"{served}/?lang=en")
    tile = browser_page.locator("a.tile", has_text="line-1")
    expect(tile).to_contain_text("OK")
    source.ledger.scoring.save_verdicts([VerdictRow(LINE, Verdict.ENGINE_ERROR, "", NOW, NOW)])
    expect(tile).to_contain_text("ENGINE ERROR")


def test_markup_in_the_config_is_shown_as_text(browser_page: Page, served: str) -> None:
    browser_page.goto(f"{served}/asset?asset={PRESS}&lang=en")
    expect(browser_page.locator("#asset-tags")).to_contain_text("<b>temperature</b>")


HOSTILE = "<script>window.bad = 1</script><img src=x onerror='window.bad = 1'>"


@pytest.fixture
def guarded(source: Source) -> object:
    with_people(source.ledger, NOW)
    hands = Hands(NOW)
    gate = ConsoleGate(source.ledger, hands.now, is_beyond=False)
    server = ConsoleServer(create_app(source, gate), "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}", hands
    server.stop()


def test_an_operator_logs_in_acts_in_the_own_name_and_is_led_out_when_the_session_ends(
    browser_page: Page, guarded: tuple[str, Hands], source: Source
) -> None:
    base, hands = guarded
    browser_page.goto(f"{base}/alerts?lang=en")
    expect(browser_page.locator("h1")).to_have_text("Log in")
    browser_page.locator("[name=name]").fill("operator")
    browser_page.locator("[name=password]").fill(PASSWORD)
    browser_page.locator("button.primary").click()
    row = browser_page.locator("#alerts-grid .ag-row").first
    row.click()
    expect(browser_page.locator("#alerts-by")).to_be_hidden()
    browser_page.locator("#alerts-note").fill(HOSTILE)
    browser_page.locator("#alerts-ack").click()
    expect(browser_page.locator("#alerts-said")).to_have_text(f"Acknowledged by operator: {PRESS}")
    kept = source.ledger.alerting.alert(ALERT)
    assert kept is not None
    assert kept.acked_by == "operator"
    browser_page.goto(f"{base}/handover?lang=en")
    expect(browser_page.locator("#handover-body").get_by_text(HOSTILE).first).to_be_visible()
    assert browser_page.evaluate("window.bad") is None
    expect(browser_page.get_by_text("People", exact=True)).to_have_count(0)
    hands.move(minutes=31)
    expect(browser_page.locator("h1")).to_have_text("Log in")


def test_a_script_that_got_into_a_page_would_not_run(browser_page: Page, served: str) -> None:
    browser_page.goto(f"{served}/?lang=en")
    browser_page.wait_for_selector("main h1")
    tried = """() => {
      const own = document.createElement('script'); own.textContent = 'window.bad = 1'; document.body.append(own);
      const image = document.createElement('img');
      image.setAttribute('onerror', 'window.bad = 2'); image.src = 'data:,';
      document.body.append(image);
    }"""
    browser_page.evaluate(tried)
    browser_page.wait_for_timeout(300)
    assert browser_page.evaluate("window.bad") is None
