"""Quality: predicted against measured with persistence beside it, and the factor study: what matters, how, which limits
help, and what if.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from dashboard import factor_figures, figures, queries, words
from dashboard.pages import factor_cards, parts
from dashboard.source import DetectorInfo, Source, WatchError
from domain.text import Translate, catalogue, mark
from reports.live_class import false_calls_of, told

TITLE: Final = mark("Quality")


def layout(source: Source, t: Translate, language: str, query: Mapping[str, str]) -> Any:
    """Return the page of a quality detector, the first or the one asked for, with a choice where there are several."""
    found = detectors(source)
    if not found:
        text = t("The config has no quality detector.")
        return html.Div([html.H1(t(TITLE)), html.P(text, className="quiet")])
    detector = by_name(source, query.get("detector", "")) or found[0]
    choices = [
        dcc.Link(d.name, href=parts.link("/quality", language, detector=d.name), className="here" * (d is detector))
        for d in found
    ]
    return html.Div(
        [
            html.H1([t(TITLE), ": ", detector.outcome]),
            html.Nav(choices, className="choices") if len(found) > 1 else None,
            dcc.Store(id="quality-detector", data=detector.name),
            html.Div(id="quality-head"),
            parts.card(t("Predicted and measured"), dcc.Graph(id="quality-predicted", config=parts.GRAPH), wide=True),
            *factor_cards.cards(queries.factor_study(source, detector.name), source, t),
            parts.tick("quality", source.refresh_s),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh of predictions, the choice of a factor, the watching of a window, and what-if."""
    if not detectors(source):
        return

    def refresh(_n: int, name: str, language: str) -> Any:
        return drawn(source, name, language)

    app.callback(
        [Output("quality-head", "children"), Output("quality-predicted", "figure")],
        Input("quality-tick", "n_intervals"),
        State("quality-detector", "data"),
        State("language", "data"),
        running=[(Output("quality-tick", "disabled"), True, False)],
    )(refresh)

    def choose(factor: str, name: str, language: str) -> Any:
        t, record = catalogue(language), queries.factor_study(source, name)
        return factor_figures.effect(record, factor, t), factor_cards.advice_text(record, factor, t)

    app.callback(
        [Output("quality-effect", "figure"), Output("quality-advice", "children")],
        Input("quality-factor", "value"),
        State("quality-detector", "data"),
        State("language", "data"),
    )(choose)

    def watch(_n: int, factor: str, why: str, by: str, name: str, language: str) -> str:
        return watched(source, name, factor or "", why or "", by or "", catalogue(language))

    app.callback(
        Output("quality-watch-said", "children"),
        Input("quality-watch-do", "n_clicks"),
        State("quality-watch", "value"),
        State("quality-watch-why", "value"),
        State("quality-watch-by", "value"),
        State("quality-detector", "data"),
        State("language", "data"),
        prevent_initial_call=True,
    )(watch)

    def move(name: str, language: str, *values: float) -> Any:
        return factor_cards.answer(queries.factor_study(source, name), values, catalogue(language))

    app.callback(
        Output("quality-whatif", "children"),
        State("quality-detector", "data"),
        State("language", "data"),
        *(Input(f"quality-move-{i}", "value") for i in range(factor_cards.SLOTS)),
    )(move)


def watched(source: Source, detector: str, factor: str, why: str, by: str, t: Translate) -> str:
    """Make a rule of a recommended window; returns what to tell the person."""
    if not by.strip():
        return t("Give your name first.")
    if not why.strip():
        return t("Say why first.")
    try:
        rule = source.watch(detector, factor, by.strip(), why.strip())
    except WatchError as error:
        return t("Not watched: {reason}", reason=str(error))
    return t("Rule {rule} watches {factor} from now on.", rule=rule, factor=factor)


def detectors(source: Source) -> list[DetectorInfo]:
    """Return the quality detectors."""
    return [d for d in source.detectors if d.role == "quality"]


def by_name(source: Source, name: str) -> DetectorInfo | None:
    """Return a quality detector by name."""
    return next((d for d in detectors(source) if d.name == name), None)


def drawn(source: Source, name: str, language: str) -> tuple[Any, Any]:
    """Return figures in words and predictions of a detector."""
    t = catalogue(language)
    detector = by_name(source, name) or detectors(source)[0]
    view = queries.quality_view(source, detector)
    return _head(view, t, source), figures.predicted(view, t, source.zone)


def _head(view: queries.QualityView, t: Translate, source: Source) -> Any:
    if view.model is None:
        text = t(words.SERVICE_STATES.get(source.state(), "No model yet"))
        return html.P(text, className="quiet")
    report = view.model.details["report"]
    if view.is_of_classes:
        return _of_classes(view, report, t, source)
    live = {
        t("error of the prediction (RMSE)"): view.rmse("predicted"),
        t("error of persistence"): view.rmse("persistence"),
    }
    past = {
        t("prediction"): report.get("rmse"),
        t("persistence"): report.get("persistence_rmse"),
        t("laboratory history alone"): report.get("lab_rmse"),
        t("mean"): report.get("mean_rmse"),
    }
    shown = {k: "–" if v is None else f"{v:.3f} {view.unit}" for k, v in live.items()}
    back_test = ", ".join(f"{k} {v:.3f}" for k, v in past.items() if v is not None)
    notes = [html.P(t("Back-test on later lots (RMSE): {figures}", figures=back_test), className="quiet")]
    if report.get("lab_rmse") is not None and report["lab_rmse"] <= report["rmse"]:
        notes.append(html.P(t("In the back-test the process data add nothing over the laboratory's own history.")))
    return html.Div([parts.figures({t("lots predicted"): str(len(view.times)), **shown}), *notes])


def _of_classes(view: queries.QualityView, report: Mapping[str, Any], t: Translate, source: Source) -> Any:
    """Return how a model of good and bad lots does on the newest ones, beside its back-test, and what is broken."""
    shown = {t("lots predicted"): str(len(view.times))}
    notes = []
    if view.live is not None:
        now, brier = view.live.figures, (view.live.figures.brier, view.live.figures.persistence_brier)
        shown |= {
            t("bad lots called bad"): _share(now.counts.n_caught, now.counts.n_bad),
            t("good lots called bad"): _share(now.counts.n_false, now.counts.n_good),
            t("error of its probabilities (Brier score)"): _number(brier[0]),
            t("the same of the newest results alone"): _number(brier[1]),
        }
        broken = [words.reason(t, told(x), source.zone) for x in view.live.broken]
        notes += [html.P(t("The model {errs}.", errs=x), className="bad") for x in broken]
        counted = t("Of the newest lots that this model predicted and whose result has come since: {n}.", n=now.n_lots)
        notes.append(html.P(counted, className="quiet"))
    if report.get("recall") is not None:
        false = false_calls_of(report["balanced_error_rate"], report["recall"])
        shares = {"recall": f"{report['recall']:.1%}", "false": f"{false:.1%}"}
        past = t(
            "Back-test on later lots: {recall} of the bad lots called bad, and {false} of the good ones.", **shares
        )
        notes.append(html.P(past, className="quiet"))
    return html.Div([parts.figures(shown), *notes])


def _share(k: int, n: int) -> str:
    return f"{k} / {n} ({k / n:.1%})" if n else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
