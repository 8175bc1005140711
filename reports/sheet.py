"""Headings, sentences, tables and pictures in; one HTML page that needs nothing from outside, out. Pure.

Invariant: every text is escaped; a page can be mailed, printed and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

STYLE: Final = (
    "body{font:15px/1.5 sans-serif;color:#1f2933;max-width:860px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse;margin:.6em 0}th,td{padding:.25em .9em .25em 0;text-align:left;"
    "border-bottom:1px solid #e1e6eb}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "p.lead{font-size:1.1em}p.note{color:#52606d}svg{max-width:100%;height:auto}"
    "@media print{body{margin:0}h2{break-after:avoid}svg,table{break-inside:avoid}}"
)


def page(title: str, parts: Sequence[str], language: str) -> str:
    """Return the page; parts are HTML."""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def heading(text: str) -> str:
    """Return a heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def sentence(text: str, kind: str = "") -> str:
    """Return a paragraph; kind: `lead` for what matters most, `note` for what is said beside."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], n_texts: int = 1) -> str:
    """Return a table; its first n_texts columns hold texts, the others figures."""
    kinds = ["" if i < n_texts else ' class="n"' for i in range(len(head))]
    top = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(kinds, head, strict=True))
    cells = ["".join(f"<td{kind}>{escape(text)}</td>" for kind, text in zip(kinds, row, strict=True)) for row in rows]
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines of plain text."""
    wide = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  "
        + "  ".join(
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
