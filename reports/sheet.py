"""Sections of sentences, tables and pictures in; lines of text, or one HTML page that needs nothing from outside, out.

Invariant: every text is escaped; a page can be mailed, printed and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from unicodedata import east_asian_width

STYLE: Final = (
    "body{font:15px/1.5 sans-serif;color:#1f2933;max-width:860px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse;margin:.6em 0}th,td{padding:.25em .9em .25em 0;text-align:left;"
    "border-bottom:1px solid #e1e6eb}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "li{margin:.4em 0}code{background:#f1f4f7;padding:.1em .35em;font-size:.9em;word-break:break-word}"
    "p.lead{font-size:1.1em}p.note{color:#52606d}svg{max-width:100%;height:auto}"
    "@media(max-width:700px){table{display:block;overflow-x:auto}}"
    "@media print{body{margin:0}h2{break-after:avoid}svg,table{break-inside:avoid}}"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody may do: in words, as a command, and as a link with its text; "" for none."""

    text: str
    command: str = ""
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report; title "" for none. head, rows: a table, first `n_texts` columns of texts. picture: SVG, "" =
    none. steps: numbered.
    """

    title: str
    sentences: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    picture: str = ""
    steps: tuple[Step, ...] = ()
    n_texts: int = 1


def lines(sections: Sequence[Section]) -> list[str]:
    """Return the sections as lines of text."""
    found: list[str] = []
    for section in sections:
        found += ["", section.title] if section.title else []
        found += section.sentences
        for i, step in enumerate(section.steps, 1):
            found += [f"{i}. {step.text}", *(f"   {x}" for x in (step.command, step.link) if x)]
        found += _columns(section) if section.rows else []
    return found


def page(title: str, sections: Sequence[Section], note: str, language: str) -> str:
    """Return the sections as a page; note: what is said beside, at its end."""
    parts = [*(part for section in sections for part in _html(section)), f'<p class="note">{escape(note)}</p>']
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _html(section: Section) -> Iterator[str]:
    if section.title:
        yield f"<h2>{escape(section.title)}</h2>"
    for text in section.sentences:
        yield f"<p>{escape(text)}</p>"
    if section.steps:
        yield f"<ol>{''.join(map(_item, section.steps))}</ol>"
    if section.picture:
        yield section.picture
    if section.rows:
        kinds = ["" if i < section.n_texts else ' class="n"' for i in range(len(section.head))]
        top = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(kinds, section.head, strict=True))
        cells = [
            "".join(f"<td{kind}>{escape(text)}</td>" for kind, text in zip(kinds, row, strict=True))
            for row in section.rows
        ]
        yield f"<table><tr>{top}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _item(step: Step) -> str:
    command = f"<br><code>{escape(step.command)}</code>" if step.command else ""
    link = f' <a href="{escape(step.link)}">{escape(step.link_text)}</a>' if step.link else ""
    return f"<li>{escape(step.text)}{command}{link}</li>"


def _columns(section: Section) -> list[str]:
    """Return a table in columns of a fixed width; a Korean sign is as wide as two."""
    table = [section.head, *section.rows]
    widths = [max(_wide(row[i]) for row in table) for i in range(len(section.head))]
    found = []
    for row in table:
        gaps = [" " * (w - _wide(text)) for text, w in zip(row, widths, strict=True)]
        cells = [
            f"{text}{gap}" if i < section.n_texts else f"{gap}{text}"
            for i, (text, gap) in enumerate(zip(row, gaps, strict=True))
        ]
        found.append(f"  {'  '.join(cells)}".rstrip())
    return found


def _wide(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)
