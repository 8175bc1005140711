"""A factor study's record to one HTML page with pictures: self-contained, printable, in one language. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from domain.numerals import numeral
from domain.text import Translate
from reports import factor_pictures as pictures
from reports import factor_text as text
from reports.figures import probability

STYLE: Final = """
body { font: 15px/1.5 system-ui, 'Segoe UI', 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif; color: #1f2933;
  max-width: 980px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin: 0; } .quiet { color: #52606d; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #e4e7eb; vertical-align: top;
  word-break: keep-all; overflow-wrap: break-word; }
th { color: #52606d; font-weight: 600; } td.n { text-align: right; white-space: nowrap; }
.effects { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 1.2rem; }
.effects section { break-inside: avoid; }
.given { background: #edf7f0; border-left: 4px solid #2e7d4f; padding: .5rem .8rem; }
.warning { background: #fdf3e1; border-left: 4px solid #b7791f; padding: .5rem .8rem; }
@media print { body { margin: 0; max-width: none; font-size: 12px; } h2 { break-after: avoid; }
  tr { break-inside: avoid; } }
"""


def page(record: Mapping[str, Any], language: str, t: Translate) -> str:
    """Return the report as one HTML document. record: a study as it is kept, and `made`: when, in words."""
    title = t("Factors of {outcome}", outcome=record["outcome"])
    inside = "\n".join(_parts(record, title, t))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{inside}\n</body>\n</html>\n"
    )


def _parts(record: Mapping[str, Any], title: str, t: Translate) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield _p(t("detector {detector}, made {made}", detector=record["detector"], made=record["made"]), "quiet")
    said = text.headline(record, t)
    yield _p(said[0])
    yield from (_p(line, "warning") for line in said[1:])
    yield _heading(t("What matters"))
    yield pictures.ranking(record, t)
    yield _p(legend(t), "quiet")
    yield _ranks(record, t)
    yield from (_p(text.divided(d, record, t)) for d in record.get("divided", ()))
    yield _heading(t("Recommended limits"))
    yield from _advice(record, t)
    yield _heading(t("How each factor acts"))
    yield _p(effect_legend(t), "quiet")
    yield '<div class="effects">'
    advised = {a["factor"]: a for a in record["advice"]}
    for factor in record["effects"]:
        yield f"<section><h3>{escape(factor)}</h3>{pictures.effect(record, factor, t, advised.get(factor))}</section>"
    yield "</div>"
    yield _heading(t("When lots turn out bad"))
    yield _p(text.bad_text(record, t))
    yield pictures.lift(record, t)
    yield _conditions(record, t)


def legend(t: Translate) -> str:
    """Return what a ranking shows."""
    return t(
        "▲ the result rises with the factor, ▼ it falls, ◆ neither surely. Factors joined by + move together: history "
        "cannot tell which of them it is. The interval of a rank holds 90 % of resampled held-out lots."
    )


def effect_legend(t: Translate) -> str:
    """Return what a picture of an effect shows."""
    return t(
        "Dots: lots. Line: the result as the factor moves and all else stays (accumulated local effects), with a 90 % "
        "band. Stripe below: the darker, the more lots; grey: history has a hole. Green: the recommended window."
    )


def _ranks(record: Mapping[str, Any], t: Translate) -> str:
    heads = [t("Rank"), t("Factor"), t("90 % of ranks"), t("rise of the error"), t("kind"), t("direction by stratum")]
    rows = [
        [
            str(f["rank"]),
            f"{f['name']} {text.SIGNS[f['direction']]}",
            f"{f['rank_low']}–{f['rank_high']}",
            text.importance(f, record),
            text.kind(f, t),
            text.slopes(f, t),
        ]
        for f in record["factors"][:15]
    ]
    return table(heads, rows)


def _advice(record: Mapping[str, Any], t: Translate) -> Iterator[str]:
    given = [a for a in record["advice"] if not a["reason"]]
    for a in given:
        yield f'<p class="given"><b>{escape(a["factor"])}</b>: {escape(text.advice(a, record, t))}</p>'
    if not given:
        yield _p(t("No limit is recommended."))
    rest = [[a["factor"], text.advice(a, record, t)] for a in record["advice"] if a["reason"]]
    if rest:
        yield table([t("Factor"), t("why there is none")], rest)


def _conditions(record: Mapping[str, Any], t: Translate) -> str:
    found = record["conditions"]
    if not found:
        return _p(t("No short condition stands out."))
    units = record["units"]
    heads = [t("Condition"), t("lots, earlier"), t("lift"), t("lots, later"), t("lift, later"), t("confirmed")]
    rows = [
        [
            text.rule(c, units, t),
            str(c["n"]),
            text.lift(c["lift"]),
            str(c["n_later"]),
            text.lift(c["lift_later"]),
            confirmed(c, t),
            *([numeral(c["net"])] if record["has_costs"] else []),
        ]
        for c in found
    ]
    found_table = table([*heads, *([t("net money, later")] if record["has_costs"] else [])], rows)
    return _p(conditions_head(record, t)) + found_table + _p(conditions_note(record, t), "quiet")


def conditions_head(record: Mapping[str, Any], t: Translate) -> str:
    """Return how many of the conditions that are shown later lots confirm."""
    n_confirmed, n = sum(c["is_confirmed"] for c in record["conditions"]), len(record["conditions"])
    if n_confirmed:
        return t("Confirmed on later lots: {n_confirmed} of {n}.", n_confirmed=n_confirmed, n=n)
    return t("None was confirmed on later lots: do not act on these.") if n else ""


def conditions_note(record: Mapping[str, Any], t: Translate) -> str:
    """Return how the conditions were found and judged."""
    return t(
        "Found on the earlier {share} of the lots among {n} conditions, judged on the later ones by an exact test that "
        "allows for all that are shown. In brackets: the lift on the earlier lots.",
        share="60 %",
        n=record["n_tried"],
    )


def confirmed(condition: Mapping[str, Any], t: Translate) -> str:
    """Return whether later lots confirm a condition, with the p-value."""
    said = t("yes") if condition["is_confirmed"] else t("no")
    return f"{said} (p {probability(condition['p_value'])})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table of texts."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _heading(said: str) -> str:
    return f"<h2>{escape(said)}</h2>"


def _p(said: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(said)}</p>' if kind else f"<p>{escape(said)}</p>"
