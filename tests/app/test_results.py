"""Results beyond what is physically possible: kept and flagged, and no model sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.loading import load_file
from app.results import possible_results
from app.rooms import Rooms
from domain.plant import Plant
from domain.points import Flag, Quality
from tests.app import tiny_plant as tiny

NOW = tiny.at(10_000)


def test_result_beyond_its_limits_is_kept_and_flagged_and_no_model_sees_it(rooms: Rooms, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [
        f"{tiny.PUMP},{lot},pressure,{value},{tiny.at(lot).isoformat()}\n"
        for lot, value in ((1, 10), (2, 10.5), (3, -1))
    ]
    path.write_text("line,lot,result,value,result_at\n" + "".join(rows))
    form = rooms.settings.root.formats[0].model_copy(update={"match": "results*", "kind": "results"})
    root = rooms.settings.root.model_copy(update={"formats": (form,)})
    plant = rooms.settings.plant
    tags = [t for of_asset in plant.tags.values() for t in of_asset.values()]
    limited = [replace(t, least=0.0, most=10.0) if t.name == "pressure" else t for t in tags]
    plant = Plant.of(plant.classes.values(), plant.assets.values(), limited)
    rooms.settings = replace(rooms.settings, root=root, plant=plant)
    assert load_file(rooms, path, NOW).report.stored == 3
    assert [r.value for r in rooms.ledger.records.results(tiny.PUMP, "pressure", NOW)] == [10.0, 10.5, -1.0]
    points = rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62)
    assert points.value.tolist() == [10.0, 10.5, -1.0]
    assert points.quality.tolist() == [Quality.GOOD, Quality.BAD, Quality.BAD]
    assert [bool(flags & Flag.RANGE) for flags in points.flags.tolist()] == [False, True, True]
    assert [r.value for r in possible_results(rooms, tiny.PUMP, "pressure", NOW)] == [10.0]
