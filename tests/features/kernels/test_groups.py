"""Every group of kernels against tsfresh, on every kind of window at every length."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import GROUPS, Block, Group
from tests.features.kernels import windows


@pytest.mark.parametrize("n", windows.LENGTHS)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_values_are_tsfreshs(group: Group, n: int) -> None:
    wanted = windows.everything(group)
    wrong = []
    for kind, x in windows.kinds(n):
        found, expected = windows.ours(group, wanted, x), windows.theirs(wanted, x)
        wrong += [f"{kind}: {text}" for text in windows.disagreements(wanted, x, found, expected)]
    assert not wrong, f"{len(wrong)} differ: " + "\n".join(wrong[:12])


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_window_alone_has_the_same_values_bit_for_bit_as_among_others(group: Group) -> None:
    wanted = windows.everything(group)
    for n in (5, 60):
        x = np.concatenate([x for _, x in windows.kinds(n)])
        together = windows.ours(group, wanted, x)
        alone = np.concatenate([windows.ours(group, wanted, row[None]) for row in x])
        assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_few_values_are_the_same_as_among_all_and_nothing_else_is_written(group: Group) -> None:
    wanted = windows.everything(group)
    x = next(x for kind, x in windows.kinds(60) if kind == "quantised")
    everything = windows.ours(group, wanted, x)
    for few in (wanted[:1], wanted[-1:], wanted[1::3]):
        out = np.full_like(everything, -1.0)
        if not few:
            continue
        group.prepare(few, 60)(Block(x), out)
        places = [w.column for w in few]
        assert out[:, places].tobytes() == everything[:, places].tobytes()
        assert (np.delete(out, places, axis=1) == -1.0).all()
