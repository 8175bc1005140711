"""Config of a model's life: `[models]` of forewarn.toml, and `[detectors.retrain]` of each detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ModelsSettings(BaseModel):
    """`[models]`: key_file holds the key that models are signed with (64 or more hexadecimal digits, mode 0600), ""
    for one that is made in the models' folder. champions, challengers: how many former champions, and how many models
    that wait, are kept of each detector; 0 keeps all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: str = ""
    champions: Annotated[int, Field(ge=0)] = 3
    challengers: Annotated[int, Field(ge=0)] = 3

    @property
    def file(self) -> Path | None:
        """The key file; None for the one of the models' folder."""
        return Path(self.key_file) if self.key_file else None
