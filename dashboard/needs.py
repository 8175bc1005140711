"""What a person must be to see a page, ask a route, or call a callback; what stands here nowhere is refused.

A callback is named by its first output. `tests/dashboard/test_access.py` walks all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.access import UserRole
from domain.audit import Action

VIEWER, OPERATOR, ENGINEER, ADMIN = UserRole

PUBLIC: Final = frozenset({"/login"})  # routes that ask nobody who he is
PUBLIC_FILES: Final = frozenset({"/assets/console.css"})  # what the log-in page is drawn with
OWN: Final = frozenset({"/logout", "/password"})  # routes of whoever is logged in, with a password to change as well

ROUTES: Final[Mapping[str, UserRole]] = {
    "/": VIEWER,
    "/<path:path>": VIEWER,
    "/assets/<path:filename>": VIEWER,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": VIEWER,
    "/_dash-layout": VIEWER,
    "/_dash-dependencies": VIEWER,
    "/_dash-update-component": VIEWER,  # and what the callback needs
    "/_favicon.ico": VIEWER,
}
PAGES: Final[Mapping[str, UserRole]] = {
    "/": VIEWER,
    "/asset": VIEWER,
    "/alerts": VIEWER,
    "/alerts/figures": VIEWER,
    "/alerts/rules": VIEWER,
    "/alerts/worth": VIEWER,
    "/handover": VIEWER,
    "/quality": VIEWER,
    "/system": VIEWER,
    "/people": ADMIN,
}
CALLBACKS: Final[Mapping[str, UserRole]] = {
    "shell.children": VIEWER,  # and what the page needs
    "shell-now.children": VIEWER,
    "url.search": VIEWER,
    "overview-body.children": VIEWER,
    "asset-head.children": VIEWER,
    "asset-event-said.children": OPERATOR,
    "alerts-grid.rowData": VIEWER,
    "alerts-grid.exportDataAsCsv": VIEWER,
    "alerts-detail.children": VIEWER,
    "alerts-why.children": VIEWER,
    "alerts-said.children": OPERATOR,
    "figures-body.children": VIEWER,
    "figures-proof.children": ENGINEER,
    "rules-list.children": VIEWER,
    "rules-raise.value": VIEWER,
    "rules-said.children": ENGINEER,
    "review-grid.rowData": VIEWER,
    "review-said.children": OPERATOR,
    "handover-body.children": VIEWER,
    "quality-head.children": VIEWER,
    "quality-effect.figure": VIEWER,
    "quality-whatif.children": VIEWER,
    "quality-watch-said.children": ENGINEER,
    "system-body.children": VIEWER,
    "system-shown.children": VIEWER,
    "system-reread-told.children": ENGINEER,
    "people-body.children": ADMIN,
}
RECORDED: Final[Mapping[str, Action]] = {"alerts-grid.exportDataAsCsv": Action.EXPORTED}


def key_of(output: str) -> str:
    """Return the name of a callback: its first output, of the text that Dash knows it by."""
    return output.strip(".").split("...")[0].split("@")[0]
