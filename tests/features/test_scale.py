"""The same call on one core, on threads and on a Dask cluster: the same bits, in the same order."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from domain.plant import Axis
from domain.vectors import DerivedTag, FeatureName, FeatureSet
from features import derived, scale, sets, stream
from features.stream import Part
from features.windows import Grid

SECOND = 1_000_000_000
TAGS = ("a", "b")
POWER = DerivedTag("power", "", "change(a, 2) * b", (("a", ""), ("b", "")))
EVERY = tuple(FeatureName("tag", tag, c, p) for tag, s in (("a", sets.TREND), ("power", sets.EFFICIENT)) for c, p in s)
FEATURES = FeatureSet("s", Axis.TIME, 30 * SECOND, 5 * SECOND, 0.5, EVERY, (POWER,))
needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra `dask` is not installed"
)


def _grids() -> Iterator[Grid]:
    random = np.random.default_rng(8)
    for asset in ("plant/x", "plant/y", "plant/z"):
        values = random.normal(50, 3, (120, 2))
        values[[40, 42], [0, 1]] = np.nan
        yield derived.added(Grid(asset, TAGS, np.arange(120) * SECOND, values), (POWER,))


def _parts(n_rows: int = 7) -> Iterator[Part]:
    for grid in _grids():
        yield from stream.parts(grid, FEATURES, SECOND, -1, 200 * SECOND, n_rows)


def _written(folder: Path, workers: str, n_rows: int = 7, room: int = stream.ROOM_BYTES) -> bytes:
    path = folder / f"{workers.partition(':')[0]}-{n_rows}.parquet"
    found = scale.vectors(_parts(n_rows), EVERY, np.float32, scale.workers_of(workers))
    assert stream.write_parquet(path, EVERY, found, np.float32, room) == sum(len(p.windows) for p in _parts())
    return path.read_bytes()


def test_threads_write_the_file_that_one_core_writes_byte_for_byte(tmp_path: Path) -> None:
    assert _written(tmp_path, "2") == _written(tmp_path, "1")


@needs_dask
def test_processes_of_a_dask_cluster_write_the_file_that_one_core_writes_byte_for_byte(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        assert _written(tmp_path, f"dask:{cluster.scheduler_address}") == _written(tmp_path, "1")
        with Client(cluster) as client:
            plans = client.run(_plans_made).values()
    assert {1, 2} >= set(plans), "the names are sent to a worker once, or once more, and not with every part"


def _plans_made() -> int:
    from features import extract

    return extract._planned.cache_info().misses


def test_a_file_does_not_depend_on_how_windows_were_cut_to_parts(tmp_path: Path) -> None:
    few_at_once = 20 * len(EVERY) * 4
    assert _written(tmp_path, "1", 3, few_at_once) == _written(tmp_path, "1", 1000, few_at_once)


def test_a_file_has_full_row_groups_whatever_asset_they_are_of(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    _written(tmp_path, "1", 7, 20 * len(EVERY) * 4)
    kept = pq.ParquetFile(tmp_path / "1-7.parquet").metadata
    sizes = [kept.row_group(i).num_rows for i in range(kept.num_row_groups)]
    assert set(sizes[:-1]) == {20}
    assert 0 < sizes[-1] <= 20


def test_few_parts_are_under_way_at_once_and_vectors_come_in_order() -> None:
    taken, seen = 0, 0

    def given() -> Iterator[Part]:
        nonlocal taken
        for part in _parts(2):
            taken += 1
            yield part

    ends = []
    for v in scale.vectors(given(), EVERY, np.float64, scale.workers_of("2")):
        seen += 1
        assert taken - seen <= 2 + scale.AHEAD
        ends += list(zip(v.asset, v.end.tolist(), strict=True))
    assert seen == taken > 20
    assert ends == sorted(ends)


def test_work_that_fails_in_a_thread_fails_here_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(KeyError):
        list(scale.vectors(_parts(), (FeatureName("tag", "nowhere", "mean"),), np.float64, scale.workers_of("2")))
    assert threading.active_count() == before


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "2.5", "threads"])
def test_workers_that_mean_nothing_are_refused_by_name(text: str) -> None:
    with pytest.raises(scale.WorkersError, match="dask:ADDRESS"):
        scale.workers_of(text)


@needs_dask
def test_a_scheduler_that_is_not_there_is_named() -> None:
    with pytest.raises(scale.WorkersError, match="localhost:1"):
        list(scale.vectors(_parts(), EVERY, np.float64, scale.Workers("dask", 1, "tcp://localhost:1")))


def test_workers_are_read_from_their_words() -> None:
    assert scale.workers_of("1") == scale.Workers("one", 1)
    assert scale.workers_of("3") == scale.Workers("threads", 3)
    assert scale.workers_of("dask:tcp://h:8786").address == "tcp://h:8786"
    assert {scale.workers_of(text).kind for text in ("1", "2", "dask")} == set(scale.EXECUTORS)
