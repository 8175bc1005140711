"""Plans to the four files of a config folder, and a summary that names each guess and where it stands."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.starting.classes import ClassPlan, exact, nice, results_of, span_text
from app.starting.plans import TODO, Answers, FormatPlan, Line, pattern_for
from app.starting.rules import rules_text
from app.starting.toml import entry, one_line
from detectors.failure import MIN_EVENTS
from detectors.quality_tournament import MIN_LOTS

FIRST_CYCLE: Final = "2020-01-01T00:00:00+00:00"
MARKS: Final = ("part", "batch")  # attributes that deal assets to folds, and say nothing of them
HEAD: Final = """# Written by `forewarn init` from dump files. What is marked `# guessed:` rests on a sample of them.
# A value that begins with TODO is yours to decide; `forewarn check` names them all.
# Every other key, with its default: config/forewarn.toml of the project.
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A starting config: file name -> text, and what is to be said about it."""

    files: Mapping[str, str]
    summary: tuple[str, ...]
    n_undecided: int


def write(name: str, formats: Sequence[FormatPlan], classes: Sequence[ClassPlan], answers: Answers) -> Start:
    """Return the whole config of a plant of this name."""
    zone_note = "" if answers.zone else "times are shown in it; e.g. Asia/Seoul"
    sections: list[tuple[str, list[Line]]] = [
        ("[plant]", [Line("name", name, "the folder's name"), Line("zone", answers.zone or "UTC", zone_note)]),
        ("[data]", [Line("folder", f".forewarn-{name}", "below the folder that Forewarn is started in")]),
        ("[mqtt]", [Line("is_enabled", False, "dump files only, so far; true once there is a broker")]),
        ("[evaluate]", [Line("split", *_split(classes))]),
    ]
    sections += [("[[formats]]", lines) for lines in _formats(formats)]
    detectors: list[str] = []
    told: list[str] = [f"{p.path.name}: {remark}" for p in formats for remark in p.remarks]
    for each in classes:
        more, names, remarks = _class_sections(each)
        sections += more
        detectors += names
        told += remarks
    sections.append(("[[notifiers]]", [Line("name", "log"), Line("kind", "log")]))
    toml = HEAD + "\n" + "\n".join(entry(head, lines) for head, lines in sections)
    files = {
        "forewarn.toml": toml,
        "assets.csv": _assets(classes),
        "tags.csv": _tags(classes),
        "rules.toml": rules_text(classes, detectors),
    }
    return Start(files, tuple(_summary(sections, classes, told)), toml.count(f'"{TODO}'))


def _split(classes: Sequence[ClassPlan]) -> tuple[str, str]:
    if any(map(_names_test, classes)):
        return "given", "the list of assets names a part: train or test"
    n = max((len(c.assets) for c in classes if c.used or c.events), default=0)
    if n >= 5:
        return "unit", f"{n} assets of one class: whole assets are held out"
    return "time", "few assets: later data are held out"


def _names_test(c: ClassPlan) -> bool:
    """Return whether a list of assets names some that are there to test."""
    return any(own.get("part") == "test" for own in c.attributes.values())


def _formats(plans: Sequence[FormatPlan]) -> list[list[Line]]:
    """Return the entries; files that are read in the same way share one, and exact names stand before patterns."""
    groups: dict[tuple[str, str], list[FormatPlan]] = {}
    for plan in plans:
        alike = entry("[x]", [Line(x.key, x.value) for x in plan.lines])
        groups.setdefault((plan.kind, alike), []).append(plan)
    found: list[tuple[bool, list[Line]]] = []
    names: set[str] = set()
    for (kind, _), members in groups.items():
        others = [p.path for p in plans if p not in members]
        patterns = dict.fromkeys(pattern_for(p.path, others) for p in members)
        for pattern in patterns:
            name = re.sub(r"[^\w]+", "-", pattern.rpartition(".")[0]).strip("-_").casefold() or kind
            while name in names:
                name += "-2"
            names.add(name)
            note = "further files of the same kind may have other numbers" if "*" in pattern else ""
            head = [Line("name", name), Line("match", pattern, note), Line("kind", kind)]
            found.append(("*" in pattern, [*head, *members[0].lines]))
    return [lines for _, lines in sorted(found, key=lambda f: f[0])]


def _class_sections(c: ClassPlan) -> tuple[list[tuple[str, list[Line]]], list[str], list[str]]:
    """Return the tables of one class, the names of its detectors, and remarks."""
    head = [Line("name", c.name, f"{len(c.assets)} assets with the same tags" if c.tags else "named by records only")]
    if c.has_cycles:
        head += [
            Line("axis", "cycle", "no file holds times"),
            Line("cycle", "1h", "how long a cycle takes is not in the files"),
            Line("period", "1h", "one row for each cycle"),
        ]
    elif c.tags:
        pace = "the median spacing of rows" if c.is_regular else "the mean spacing of rows, which is uneven"
        head.append(Line("period", exact(c.period_s), pace))
    elif c.learns_failures:
        head.append(Line("period", "1h", "no tag tells a pace"))
    ahead = f"from {c.n_failures} failures" if c.n_failures else "a person knows how early a warning is useful"
    head += [
        Line("horizon", span_text(c, c.horizon_s), ahead),
        Line("lead", span_text(c, c.lead_s), "a warning later than this is of no use"),
    ]
    sections = [("[[classes]]", head)]
    if not c.used and not c.learns_failures:
        more, names, told = _quality_sections(c, [])
        return [*sections, *more], names, [*told, *([_too_few(c)] if c.events or c.n_failures else [])]
    features = f"{c.name}-trend" if c.used else f"{c.name}-events"
    sections.append(("[[features]]", _feature_lines(c, features)))
    left = set(c.tags) - set(c.used)
    remarks = [f"class {c.name}: {len(left)} tags are stored and shown, but left out of windows"] if left else []
    embargo = [] if c.has_cycles else [Line("embargo", nice(c.horizon_s)[1], "as the horizon")]
    base = [Line("asset_class", c.name), Line("features", features)]
    names = []
    if c.used:
        names.append(f"{c.name}-anomaly")
        sections.append(("[[detectors]]", [Line("name", names[0]), Line("kind", "anomaly_hbos"), *base, *embargo]))
    if c.learns_failures:
        names.append(f"{c.name}-failure")
        note = f"{c.n_failures} failures in the files"
        lines = [Line("name", names[-1]), Line("kind", "failure_lightgbm", note), *base, *embargo]
        if c.life:
            cap = f"no unit failed twice, the median after {c.life:.0f} cycles; told up to six tenths of that"
            lines.append(Line("remaining_life", round(0.6 * c.life), cap))
        if c.life and _names_test(c):
            lines.append(Line("counts", "rows", "units to test may end before they fail: each row is judged"))
        sections.append(("[[detectors]]", lines))
    else:
        remarks.append(_too_few(c))
    more, quality, told = _quality_sections(c, embargo)
    return [*sections, *more], [*names, *quality], [*remarks, *told]


def _too_few(c: ClassPlan) -> str:
    return f"class {c.name}: no failure detector: {c.n_failures} failures in the files, {MIN_EVENTS} are needed"


def _feature_lines(c: ClassPlan, name: str) -> list[Line]:
    """Return the feature set of a class: its tags, its events and its attributes, as far as it has them."""
    lines = [Line("name", name), Line("asset_class", c.name)]
    left = sorted(set(c.tags) - set(c.used))
    if c.life:
        window = min(80, max(30, round(0.4 * c.life)))
        lines += [Line("calculators", "trailing", "units run to failure: a slow drift is looked for")]
        lines += [Line("window", window, "long, for a slow drift"), Line("min_coverage", 0.3, "young units have few")]
    elif c.used:
        note = "long enough for thirty values of each tag, where the history allows it"
        lines += [Line("calculators", "trend"), Line("window", span_text(c, c.window_s), note)]
    else:
        lines += [Line("tags", [], "no file of tag values"), Line("window", span_text(c, c.window_s), "as the horizon")]
    if c.used and left:
        shown = ", ".join(left[:5])
        lines.append(Line("tags", list(c.used), f"the others report too rarely for a window: {shown}"))
    if not c.has_cycles:
        lines.append(Line("step", span_text(c, c.step_s), "how often a window ends"))
    lines.append(Line("train_step", span_text(c, c.train_step_s), "neighbouring windows add little"))
    if not c.is_regular:
        lines.append(Line("min_coverage", 0.3, "the tags report unevenly"))
    if c.events:
        spans = list(dict.fromkeys(span_text(c, n * c.horizon_s) for n in (1, 3, 14)))
        lines.append(Line("events", list(c.events), "counted and timed: they may announce a failure"))
        lines.append(Line("event_windows", spans, "the horizon, and longer"))
    told = [n for n in _attributes([c]) if n not in MARKS]
    if told:
        lines.append(Line("attributes", told, "what the list of assets says of each"))
    if c.settings:
        mode = {"from": "regimes", "tags": list(c.settings)}
        lines.append(Line("mode", mode, "they keep to a few levels, which most other tags follow"))
    return lines


def _attributes(classes: Sequence[ClassPlan]) -> list[str]:
    return list(dict.fromkeys(name for c in classes for own in c.attributes.values() for name in own))


def _quality_sections(
    c: ClassPlan, embargo: Sequence[Line]
) -> tuple[list[tuple[str, list[Line]]], list[str], list[str]]:
    sections: list[tuple[str, list[Line]]] = []
    names: list[str] = []
    remarks: list[str] = []
    for result in results_of(c):
        if c.has_cycles or result.n_lots < MIN_LOTS:
            why = "the class counts cycles" if c.has_cycles else f"{result.n_lots} lots with a number"
            remarks.append(f"result {result.name}: no quality detector: {why}, {MIN_LOTS} lots in time are needed")
            continue
        name = re.sub(r"[^a-z0-9]+", "-", result.name.casefold()).strip("-") or f"result-{len(names) + 1}"
        features = f"{c.name}-{name}"
        n = f"{result.n_lots} lots with a result"
        passage = max(q.passage_s for q in c.qualities)
        window = "the median time that a lot takes" if passage else "no lot tells how long it takes"
        sections.append(
            (
                "[[features]]",
                [
                    Line("name", features),
                    Line("asset_class", c.name),
                    Line("calculators", "level"),
                    *_inputs(c),
                    Line("window", span_text(c, c.window_s), window),
                    Line("step", span_text(c, c.step_s)),
                    Line("train_step", span_text(c, c.train_step_s)),
                    Line("min_coverage", 0.5, "a lot may be shorter than the window"),
                    _lab_line(c, result.name),
                ],
            )
        )
        lines = [Line("name", f"{c.name}-{name}"), Line("kind", "quality_tournament", n), Line("asset_class", c.name)]
        lines += [Line("features", features), Line("outcome", result.name), Line("split", "time"), *embargo]
        sections.append(("[[detectors]]", lines))
        names.append(f"{c.name}-{name}")
    return sections, names, remarks


def _inputs(c: ClassPlan) -> list[Line]:
    """Return the lines on what a lot is told by: all tags unless some report too rarely, its own values and texts."""
    lines = [Line("tags", list(c.used), "as above")] if c.used and len(c.used) < len(c.tags) else []
    if not c.used:
        lines = [Line("tags", [], "no sensor file")]
    told = any(q.values or any(line.key == "texts" for line in q.format.lines) for q in c.qualities)
    return [*lines, *([Line("process", ["*"], "the lots' own values and texts")] if told else [])]


def _lab_line(c: ClassPlan, result: str) -> Line:
    if any(q.knows_when and result in {r.name for r in q.results} for q in c.qualities):
        return Line("lab", [result], "what was known of earlier lots")
    return Line("lab", [], f"[{result!r}] where a column result_at tells when a result was known: none does")


def _assets(classes: Sequence[ClassPlan]) -> str:
    has_cycles = any(c.has_cycles for c in classes)
    told = _attributes(classes)
    columns = ["asset", "class", "position", "lead", *(["first_cycle_at"] if has_cycles else []), *told]
    rows: list[list[Any]] = []
    for c in classes:
        first = [FIRST_CYCLE if c.has_cycles else ""] if has_cycles else []
        for asset in c.assets:
            own = c.attributes.get(asset, {})
            rows.append([asset, c.name, len(rows) + 1, "", *first, *(own.get(n, "") for n in told)])
    comments = ["the names in the files; a path such as seoul/line-2/press-04 needs a `translate` in forewarn.toml"]
    if has_cycles:
        comments.append("first_cycle_at: no file tells when the first cycle ended")
    return _table(columns, [([], comments), (rows, [])])


def _tags(classes: Sequence[ClassPlan]) -> str:
    columns = ["asset", "tag", "unit", "period", "low", "high", "title", "role", "controllable"]
    parts: list[tuple[list[list[Any]], list[str]]] = []
    for c in classes:
        unknown = [t.name for t in c.tags.values() if not t.unit]
        comments = ["units stand in the headers; periods are the median spacing; no limits (low, high) are known"]
        if unknown:
            comments.append(f"no unit found for {', '.join(unknown[:20])}{', ...' if len(unknown) > 20 else ''}")
        rows = []
        for t in c.tags.values():
            period = "1h" if c.has_cycles else exact(t.period_s) if t.period_s else ""
            rows.append([f"class:{c.name}", t.name, t.unit, period, "", "", t.title, t.role, "no"])
        parts.append((rows, comments if rows else []))
        results = [r for r in results_of(c) if r.name not in c.tags]
        rows = [[f"class:{c.name}", r.name, r.unit, "", "", "", r.title, "lab", "no"] for r in results]
        parts.append((rows, ["quality results, shown as tags of their line"] if rows else []))
    return _table(columns, parts)


def _table(columns: Sequence[str], parts: Iterable[tuple[Sequence[Sequence[Any]], Sequence[str]]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for rows, comments in parts:
        for comment in comments:
            text.write(f"# guessed: {one_line(comment).replace(chr(34), '')}\n")
        writer.writerows(rows)
    return text.getvalue()


def _summary(
    sections: Sequence[tuple[str, Sequence[Line]]], classes: Sequence[ClassPlan], told: Sequence[str]
) -> list[str]:
    text = []
    for head, lines in sections:
        name = next((x.value for x in lines if x.key == "name"), "")
        guesses = [x for x in lines if x.note]
        if guesses:
            text.append(f"forewarn.toml {head} {name}".rstrip())
        text += [f"  {x.key} = {_short(x.value)}  ({one_line(x.note)})" for x in guesses]
    n_tags = sum(len(c.tags) for c in classes)
    with_unit = sum(bool(t.unit) for c in classes for t in c.tags.values())
    text.append(f"tags.csv\n  {n_tags} tags, {with_unit} with a unit from their header; periods from the rows")
    text.append("rules.toml\n  a rule for each detector that has a threshold; limits of tags as commented examples")
    return [*text, *(["remarks", *(f"  {remark}" for remark in told)] if told else [])]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        shown = [f"{one_line(str(k))!r} -> {one_line(str(v))!r}" for k, v in list(value.items())[:3]]
        return ", ".join(shown) + (f", and {len(value) - 3} more" if len(value) > 3 else "")
    text = one_line(str(value))
    return text if len(text) <= 90 else text[:87] + "..."
