"""The HTML of a mail: a message's payload in, one self-contained page out.

Invariants: nothing is loaded from outside; whatever came from the plant is escaped; it reads without its styles, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

from domain.text import Translate, catalogue

COLOURS: Final = {"high": "#b3261e", "medium": "#b26a00", "low": "#3a6ea5"}
FONT: Final = "font-family:'Segoe UI',Roboto,'Noto Sans KR','Malgun Gothic',Helvetica,Arial,sans-serif"
CELL: Final = "padding:3px 12px 3px 0;vertical-align:top"


def page(payload: Mapping[str, Any]) -> str:
    """Return the page; payload: as `alerts.messages` writes it."""
    t = catalogue(str(payload["language"]))
    cards = "".join(_card(each, t) for each in payload["alerts"])
    head = escape(payload["subject"]) if payload["n_alerts"] != 1 else ""
    body = cards or f"<p>{escape(payload['text']).replace(chr(10), '<br>')}</p>"
    more = f'<p style="color:#555">{escape(payload["more"])}</p>' if payload["more"] else ""
    foot = t("Sent by Forewarn, {plant}. Times are the plant's.", plant=payload["plant"])
    return (
        f'<!doctype html><html lang="{escape(payload["language"])}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(payload["subject"])}</title></head>'
        f'<body style="margin:0;padding:16px;background:#f2f3f5;{FONT};color:#1c1c1e;font-size:15px;line-height:1.45">'
        f'<div style="max-width:600px;margin:0 auto">'
        + (f'<h1 style="font-size:18px;margin:0 0 12px">{head}</h1>' if head else "")
        + f'{body}{more}<p style="color:#666;font-size:12px;margin:16px 0 0">{escape(foot)}</p></div></body></html>'
    )


def _card(each: Mapping[str, Any], t: Translate) -> str:
    colour = COLOURS.get(each["priority"], COLOURS["medium"])
    rows = [
        (t("Where"), each["key"][1]),
        (t("Measured"), each["measured"]),
        (t("Why"), ", ".join(each["why_said"])),
        (t("Affects"), each["names"]),
        (t("What to do"), each["action"]),
    ]
    table = "".join(
        f'<tr><td style="{CELL};color:#666;white-space:nowrap">{escape(name)}</td>'
        f'<td style="{CELL}">{escape(value)}</td></tr>'
        for name, value in rows
        if value
    )
    since = " - ".join(x for x in (each["since"], each["open_for"]) if x)
    return (
        f'<div style="background:#fff;border:1px solid #dcdde0;border-left:6px solid {colour};border-radius:4px;'
        f'padding:14px 18px;margin:0 0 12px">'
        f'<div style="color:{colour};font-size:12px;font-weight:600">{escape(each["priority_said"])}</div>'
        f'<div style="font-size:19px;font-weight:600;margin:2px 0">{escape(each["title"])}</div>'
        f'<div style="color:#444;margin:0 0 8px">{escape(since)}</div>'
        f'<table role="presentation" style="border-collapse:collapse;font-size:15px">{table}</table>'
        f"{_link(each['link'], t)}</div>"
    )


def _link(link: str, t: Translate) -> str:
    if urlsplit(link).scheme not in ("http", "https"):
        return ""
    said = t("Open in the console")  # not within the text below: texts for the catalogue are not found there
    style = "display:inline-block;margin-top:10px;padding:7px 14px;background:#1f4e79;color:#fff;text-decoration:none"
    return f'<a href="{escape(link)}" style="{style};border-radius:4px">{escape(said)}</a>'
