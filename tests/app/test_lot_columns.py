"""What a plant says of its lots' columns: read from the config, kept out of models, and told as strata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app import training
from app.settings import load
from app.strata import strata_of
from domain.errors import ConfigError
from domain.records import Event, EventKind, Lot, Result
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

SAID = """
[[lots]]
asset_class = "line"
forbidden = ["lab_*"]
controllable = ["feed"]
strata = ["product", "machine"]

[[results]]
asset_class = "line"
name = "purity"
bad_below = 90
labs = ["central"]
"""


def _toml(more: str = SAID, process: str = '"*"') -> str:
    lots = f'lab = ["purity"]\ntags = []\nprocess = [{process}]'
    return tiny.FOREWARN.replace('lab = ["purity"]', lots) + more


def test_columns_and_results_are_told_by_class(tmp_path: Path) -> None:
    settings = tiny.settings_in(tmp_path, forewarn_toml=_toml())
    assert settings.lot_columns("line").strata == ("product", "machine")
    assert settings.lot_columns("pump").strata == ()
    assert settings.judged("line", "purity").bad_below == 90
    assert not settings.judged("line", "other").has_limits


@pytest.mark.parametrize(
    ("more", "process", "key", "rule"),
    [
        ('[[lots]]\nasset_class = "lane"', '"*"', "lots[0].asset_class", "did you mean"),
        ('[[lots]]\nasset_class = "line"\n[[lots]]\nasset_class = "line"', '"*"', "lots[1].asset_class", "twice"),
        ('[[lots]]\nasset_class = "line"\nforbidden = ["iron"]', '"iron"', ".process[0]", "only with the result"),
        ('[[features]]\nname = "x"\nasset_class = "line"\ntags = []\nlab = ["silica"]\nwindow = "1h"\nstep = "1h"\n'
         'train_step = "1h"\n[[detectors]]\nname = "x"\nkind = "quality_tournament"\nasset_class = "line"\n'
         'features = "x"\noutcome = "purity"', '"*"', "].outcome", "compared with"),
        ('[[results]]\nasset_class = "line"\nname = "a"\n' * 2, '"*"', "results[1].name", "twice"),
        ('[[results]]\nasset_class = "line"\nname = "a"\nbad_above = 1\nbad_below = 2', '"*"', "results[0]", "all are"),
    ],
    ids=("class", "lots twice", "forbidden input", "history of another", "result twice", "no room"),
)  # fmt: skip
def test_what_cannot_be_is_a_fault(tmp_path: Path, more: str, process: str, key: str, rule: str) -> None:
    config = tiny.write(tmp_path, forewarn_toml=_toml(more, process))
    with pytest.raises(ConfigError) as caught:
        load(config)
    (fault,) = caught.value.faults
    assert key in fault.key
    assert rule in fault.rule


def test_a_forbidden_column_is_no_input_and_texts_are_strata(tmp_path: Path) -> None:
    lots = [
        Lot(tiny.LINE, f"{i}", at(i), at(i + 1), at(i + 1), {"feed": 1.0 * i, "lab_iron": 2}, {"machine": "AB"[i % 2]})
        for i in range(4)
    ]
    results = [Result(tiny.LINE, x.lot, "purity", 95.0, at(i + 2)) for i, x in enumerate(lots)]
    products = [
        Event(tiny.LINE, EventKind.PRODUCT, "thin", at(0), at(3), at(0)),
        Event(tiny.LINE, EventKind.PRODUCT, "thick", at(3), None, at(3)),
    ]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=_toml())) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results, events=products)])
        history = training.gather(rooms, rooms.settings.detector("purity"), at(60))
    rows, _ = training.training_of(history)
    assert [n.source for n in rows.vectors.names if n.origin == "process"] == ["feed"]
    strata = strata_of(history, rows.vectors)
    assert {name: found.tolist() for name, found in strata.items()} == {
        "product": ["thin", "thin", "thin", "thick"],
        "machine": ["A", "B", "A", "B"],
    }
    two = replace(rows.vectors, asset=rows.vectors.asset.copy())
    two.asset[0] = "plant/line-2"
    assert strata_of(history, two)["line"].tolist() == two.asset.tolist()
