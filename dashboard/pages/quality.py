"""Quality: predicted against measured with persistence beside it, the factors, and a chosen factor against the
result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dash import Dash, Input, Output, State, dcc, html

from dashboard import figures, queries, words
from dashboard.pages import parts
from dashboard.source import DetectorInfo, Source
from domain.text import Translate, catalogue, mark

TITLE: Final = mark("Quality")


def layout(source: Source, t: Translate, _language: str, _query: Mapping[str, str]) -> Any:
    """Return the page of the first quality detector, with a choice where there are several."""
    found = detectors(source)
    if not found:
        text = t("The config has no quality detector.")
        return html.Div([html.H1(t(TITLE)), html.P(text, className="quiet")])
    detector = found[0]
    names = factor_names(source, detector)
    choice = dcc.Dropdown(
        [d.name for d in found], detector.name, id="quality-detector", clearable=False, labels=parts.dropdown_labels(t)
    )
    factor = dcc.Dropdown(
        names, names[0] if names else None, id="quality-factor", clearable=False, labels=parts.dropdown_labels(t)
    )
    return html.Div(
        [
            html.H1([t(TITLE), ": ", detector.outcome]),
            html.Div([html.Label([html.Span(t("Detector")), choice])], className="controls"),
            html.Div(id="quality-head"),
            parts.card(t("Predicted and measured"), dcc.Graph(id="quality-predicted", config=parts.GRAPH), wide=True),
            html.Div(
                [
                    parts.card(
                        t("Factors of the process, without laboratory history"),
                        dcc.Graph(id="quality-factors", config=parts.GRAPH),
                        html.P(
                            t("▲ the result rises with the factor, ▼ it falls, ◆ neither surely"), className="quiet"
                        ),
                    ),
                    parts.card(
                        t("A factor against the result"),
                        html.Label([html.Span(t("Factor")), factor]),
                        dcc.Graph(id="quality-scatter", config=parts.GRAPH),
                    ),
                ],
                className="columns",
            ),
            parts.tick("quality", source.refresh_s),
        ]
    )


def register(app: Dash, source: Source) -> None:
    """Add the refresh of predictions and the choice of a factor, where the page has them."""
    if not detectors(source):
        return

    def refresh(_n: int, name: str, language: str) -> Any:
        return drawn(source, name, language)

    app.callback(
        [
            Output("quality-head", "children"),
            Output("quality-predicted", "figure"),
            Output("quality-factors", "figure"),
        ],
        Input("quality-tick", "n_intervals"),
        Input("quality-detector", "value"),
        State("language", "data"),
        running=[(Output("quality-tick", "disabled"), True, False)],
    )(refresh)

    def choose(factor: str, name: str, language: str) -> Any:
        detector = by_name(source, name)
        found = queries.factor_scatter(source, detector, factor) if detector and factor else None
        return figures.scatter(found, catalogue(language))

    app.callback(
        Output("quality-scatter", "figure"),
        Input("quality-factor", "value"),
        State("quality-detector", "value"),
        State("language", "data"),
    )(choose)


def detectors(source: Source) -> list[DetectorInfo]:
    """Return the quality detectors."""
    return [d for d in source.detectors if d.role == "quality"]


def by_name(source: Source, name: str) -> DetectorInfo | None:
    """Return a quality detector by name."""
    return next((d for d in detectors(source) if d.name == name), None)


def factor_names(source: Source, detector: DetectorInfo) -> list[str]:
    """Return the factors by rank where a model ranks them, else the process tags."""
    model = source.ledger.scoring.champion(detector.name)
    if model is not None:
        return [f["name"] for f in model.details["report"].get("factors", ())]
    assets = source.plant.of_class(detector.asset_class)
    return [x.name for a in assets[:1] for x in source.plant.tags[a.path].values() if x.role == "process"]


def drawn(source: Source, name: str, language: str) -> tuple[Any, Any, Any]:
    """Return figures in words, predictions and factors of a detector."""
    t = catalogue(language)
    detector = by_name(source, name) or detectors(source)[0]
    view = queries.quality_view(source, detector)
    return _head(view, t, source), figures.predicted(view, t, source.zone), figures.factors(view, t)


def _head(view: queries.QualityView, t: Translate, source: Source) -> Any:
    if view.model is None:
        text = t(words.SERVICE_STATES.get(source.state(), "No model yet"))
        return html.P(text, className="quiet")
    report = view.model.details["report"]
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
