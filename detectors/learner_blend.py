"""The mean of several learners' log-odds, each made comparable by its own calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.calibration import Line
from detectors.learners import Learner, learner_class


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One learner of a blend, its line, and the columns that it takes of the blend's."""

    name: str
    learner: Learner
    line: Line
    columns: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """See the module. It is made of fitted members and is not fitted itself."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    members: tuple[Member, ...]
    n_columns: int

    @staticmethod
    def settings(_n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """There is nothing to choose."""
        return ({},)

    @staticmethod
    def prepare(_examples: object) -> NoReturn:
        """A blend is made of what others fitted."""
        raise TypeError("a blend is made of fitted members")

    @classmethod
    def fit(cls, _prepared: object, _setting: Mapping[str, Any]) -> NoReturn:
        """A blend is made of what others fitted."""
        raise TypeError("a blend is made of fitted members")

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean log-odds."""
        total = np.zeros(len(values))
        for m in self.members:
            total = total + m.line.log_odds(m.learner.margin(values[:, m.columns]))
        return total / len(self.members)

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The mean of the members' own."""
        base, found = 0.0, np.zeros((len(values), self.n_columns))
        for m in self.members:
            own_base, own = m.learner.contributions(values[:, m.columns])
            base += m.line.intercept + m.line.slope * own_base
            found[:, m.columns] += m.line.slope * own
        return base / len(self.members), found / len(self.members)

    def dump(self) -> dict[str, bytes]:
        """Return the members' parts, each below its name."""
        head = {
            "n_columns": self.n_columns,
            "members": [
                {"name": m.name, "line": [m.line.intercept, m.line.slope], "columns": m.columns.tolist()}
                for m in self.members
            ],
        }
        own = {f"{m.name}/{part}": data for m in self.members for part, data in m.learner.dump().items()}
        return {"blend.json": p.write_json(head), **own}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        head = p.read_json(parts, "blend.json")
        members = []
        for m in head["members"]:
            learner = learner_class(m["name"]).load(p.below(parts, m["name"]))
            members.append(Member(m["name"], learner, Line(*m["line"]), np.array(m["columns"], dtype=np.int64)))
        return cls(tuple(members), int(head["n_columns"]))
