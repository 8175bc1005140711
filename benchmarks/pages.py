"""The console as Chromium shows it: pictures of every page, and what is wrong with them that a machine can see."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

from app.clock import ReplayClock
from app.console import console
from app.demo import PROGRESS, START, Progress
from app.rooms import opened
from app.settings import Settings

WIDTHS = (1440, 1024)
LANGUAGES = ("en", "ko")
PAGES = {
    "overview": "/?",
    "asset-engine": "/asset?asset=demo/fleet/engine-070&",
    "asset-line": "/asset?asset=demo/flotation&",
    "alerts": "/alerts?",
    "worth": "/alerts/worth?",
    "handover": "/handover?",
    "quality": "/quality?",
    "system": "/system?",
    "people": "/people?",
}
ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]


def chromium_path() -> str | None:
    """Return the browser's path, None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def look_at_pages(settings: Settings, folder: Path) -> dict[str, Any] | None:
    """Serve a finished demo, picture every page, and return counts and faults; None without a browser."""
    browser_path = chromium_path()
    if browser_path is None:
        return None
    import json
    from datetime import datetime

    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    with opened(settings) as rooms:
        noted = rooms.ledger.note(PROGRESS)
        progress = Progress(**json.loads(noted)) if noted else Progress()
        at = datetime.fromisoformat(progress.done_until) if progress.done_until else START
        server = console(rooms, ReplayClock(at), lambda: "replay ended")
        server.port = 0
        server.start()
        base = f"http://127.0.0.1:{server.port}"
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
            for width in WIDTHS:
                for language in LANGUAGES:
                    page = browser.new_page(viewport={"width": width, "height": 900})
                    page.on("console", partial(_note_console, faults))
                    page.on("pageerror", partial(_note_error, faults))
                    for name, path in PAGES.items():
                        page.goto(f"{base}{path}lang={language}")
                        page.wait_for_selector("main h1")
                        page.wait_for_load_state("networkidle")
                        page.wait_for_timeout(500)
                        page.screenshot(path=folder / f"{name}-{language}-{width}.png", full_page=True)
                        faults += [f"{name} {language} {width}: {x}" for x in page.evaluate(FAULTS)]
                    page.close()
            browser.close()
        server.stop()
    return {"pages": len(PAGES) * len(WIDTHS) * len(LANGUAGES), "faults": faults}


def _note_console(faults: list[str], message: Any) -> None:
    if message.type == "error":
        faults.append(message.text)


def _note_error(faults: list[str], error: Any) -> None:
    faults.append(str(error))


# Sideways scrolling; a chart with neither a trace nor a note that says why; a request to the outside.
FAULTS = """() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push('scrolls sideways');
  for (const plot of document.querySelectorAll('.js-plotly-plot'))
    if (!(plot.data || []).length && !((plot.layout || {}).annotations || []).length) found.push('empty chart');
  for (const entry of performance.getEntriesByType('resource'))
    if (!entry.name.startsWith(location.origin)) found.push('asks outside: ' + entry.name);
  return found;
}"""


def first_alert_seen(clone: Path, env: dict[str, str]) -> float | None:
    """Run `make demo` in a clone; return the seconds until a row stands on the Alerts page, None without a browser."""
    browser_path = chromium_path()
    if browser_path is None:
        return None
    from playwright.sync_api import Error, sync_playwright

    port = 8077
    begun = time.perf_counter()
    demo = subprocess.Popen(
        ["make", "--silent", "demo", f"DEMO_ARGS=--port {port}"],
        cwd=clone,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with sync_playwright() as p:
            page = p.chromium.launch(executable_path=browser_path, args=ARGUMENTS).new_page()
            while time.perf_counter() - begun < 600:
                try:
                    page.goto(f"http://127.0.0.1:{port}/alerts")
                    page.wait_for_selector("#alerts-grid .ag-row", timeout=600_000)
                    return time.perf_counter() - begun
                except Error:
                    time.sleep(0.5)
        return float("inf")
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        try:
            demo.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(demo.pid, signal.SIGKILL)
