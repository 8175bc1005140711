"""Classes to rules.toml: a rule for each detector that has a threshold, and limits of tags as commented examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from app.starting.classes import ClassPlan, nice, results_of
from app.starting.plans import Line
from app.starting.toml import entry

MOST_LIMITS: Final = 12
TITLES: Final = {"anomaly": "Unusual behaviour", "failure": "Likely to fail"}
HEAD: Final = """# When something becomes an alert, for every asset of a class. That an asset stops reporting
# needs no rule: its verdict becomes NO DATA by the period of its class.
"""


def rules_text(classes: Sequence[ClassPlan], detectors: Sequence[str]) -> str:
    """Return the text of rules.toml. A limit is an example until a person stands for it, so it is commented out."""
    text = [HEAD]
    for c in classes:
        for kind in TITLES:
            if f"{c.name}-{kind}" in detectors:
                text.append(entry("[[rules]]", _model_rule(c, kind)))
        limits = [(t, c.tags[t].typical) for t in c.used[:MOST_LIMITS]]
        limits += [(r.name, r.typical) for r in results_of(c) if r.name not in c.tags]
        shown = [_limit_rule(c, i + 1, name, t) for i, (name, t) in enumerate(limits) if t and t[2] > t[1]]
        if shown:
            text.append(
                f"# Examples for class {c.name}: limits beyond what 99 % of the values kept to. Take out the `# ` of\n"
                "# those that make sense, with limits that a person stands for.\n"
            )
            text += [re.sub(r"(?m)^(?=.)", "# ", example) for example in shown]
    return "\n".join(text)


def _model_rule(c: ClassPlan, kind: str) -> list[Line]:
    return [
        Line("id", f"{c.name}-{kind}"),
        Line("asset_class", c.name),
        Line("watch", f"score:{c.name}-{kind}"),
        Line("raise", "model"),
        Line("on_delay", *_on_delay(c, kind)),
        Line("priority", "high" if kind == "failure" else "low"),
        Line("title", TITLES[kind]),
    ]


def _on_delay(c: ClassPlan, kind: str) -> tuple[str, str]:
    if c.has_cycles:
        return "2h", "two windows"
    if kind == "failure" and 2 * c.step_s > c.lead_s:
        return "0s", "windows end too rarely to wait for a second one"
    return nice(2 * c.step_s)[1], "two windows"


def _limit_rule(c: ClassPlan, number: int, name: str, typical: tuple[float, float, float]) -> str:
    _, middle, high = typical
    clear = float(f"{high:.4g}")
    beyond = max(clear, float(f"{high + 0.5 * (high - middle):.4g}"))
    lines = [
        Line("id", f"{c.name}-{number}-high"),
        Line("asset_class", c.name),
        Line("watch", f"tag:{name}"),
        Line("raise", beyond, f"half of the sample is below {middle:.4g}, 99 % below {high:.4g}"),
        Line("clear", clear),
        Line("title", f"{name} high"),
    ]
    return entry("[[rules]]", lines)
