"""The plant's rooms to one archive while they are in use, and such an archive back into an empty data folder.

What must hold after a restore: every item that was acknowledged before the backup began is in a store, in the dead
letter, in the conflict log, or waits in the journal; and the sum adds up. So the caller holds the pipeline meanwhile:
nothing is claimed from the journal and nothing is settled, while receiving and acknowledging go on. The journal is
copied first (see store.copying), then the ledger, then telemetry, then the models:

- What the books count as stored was stored before, so it is in the copies of the stores, which are made later.
- What waits in the journal's copy is stored again after the restore. Where a store's copy holds it already (the caller
  could not hold a pipeline in another process), it is counted as a duplicate: nothing is lost, and the sum adds up.
- The ledger says how far scoring has read; copied before telemetry, it never names points that telemetry lacks.
- What a store on a server keeps beside it (which hours are to be rolled up, the oldest time kept) is copied before the
  server is backed up: an hour that is rolled up once more does no harm.
- A model is on disk before the ledger names it, so the models are copied after the ledger.

What is received after the journal was copied is not in the archive: it was acknowledged after the backup began.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from app import archive
from app.archive import Manifest
from app.faults import build, read_toml
from app.rooms import Rooms
from app.secrets import in_plain
from app.settings import DataSettings
from domain.errors import ConfigError, NewerDataError, NotKeptHereError
from store import copying, migrations
from store.ledger_settings import LedgerSettings

CONFIG_FILES: Final = ("*.toml", "*.csv")
PG_DUMP: Final = "it is on PostgreSQL: save it with pg_dump, and bring it back with pg_restore"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds. notes: what the person who keeps it must know."""

    file: Path
    manifest: Manifest
    n_bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """Where an archive was restored to. config: None where a config was there, and stays."""

    manifest: Manifest
    data: Path
    config: Path | None
    moved_aside: Path | None
    notes: tuple[str, ...]


class Places(BaseModel):
    """What a restore needs of forewarn.toml: on a new machine passwords and certificates may not be there yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    data: DataSettings = DataSettings()
    ledger: LedgerSettings = LedgerSettings()


def backup(rooms: Rooms, file: Path, now: datetime) -> Backup:
    """Write an archive of config, journal, ledger, telemetry and models; the caller holds the pipeline.

    Raises OSError, with no archive left behind; FileExistsError where the file is there.
    """
    if file.exists():
        raise FileExistsError(f"{file} is there already; a backup overwrites nothing")
    settings, left_out = rooms.settings, {}
    with _room_beside(file, "backup") as folder:
        data = folder / "data"
        copying.copy_journal(settings.data_folder, data)
        if rooms.ledger.file is None:
            left_out["ledger"] = PG_DUMP
        else:
            copying.copy_ledger(rooms.ledger.file, data)
        copying.copy_notes(settings.data_folder, data)
        try:
            rooms.points.snapshot(data)
        except NotKeptHereError as error:
            left_out["telemetry"] = str(error)
        for kept in (rooms.models.folder, settings.collector_folder):
            if kept.is_dir():
                shutil.copytree(kept, data / kept.relative_to(settings.data_folder))
        _copy_config(settings.folder, folder / "config")
        manifest = archive.listed(
            folder,
            made_at=now.isoformat(),
            forewarn=version("forewarn"),
            plant=settings.root.plant.name,
            versions=migrations.newest(),
            left_out=left_out,
        )
        archive.pack(folder, manifest, file)
    notes = [f"the {part} is not in it: {why}" for part, why in left_out.items()]
    return Backup(file, manifest, file.stat().st_size, (*notes, *_secrets_in(settings.folder)))


def told(made: Backup) -> dict[str, Any]:
    """Return what a command tells of a backup, as JSON data."""
    return {
        "file": str(made.file),
        "made_at": made.manifest.made_at,
        "n_files": len(made.manifest.sizes),
        "n_bytes": sum(made.manifest.sizes.values()),
        "archive_bytes": made.n_bytes,
        "notes": list(made.notes),
    }


def restore(file: Path, config: Path, now: datetime, *, is_forced: bool = False) -> Restored:
    """Bring an archive back: data into the folder that the config names, and the config where there is none.

    Every byte is checked before anything is put in its place. `is_forced` moves a data folder that is not empty aside,
    and deletes nothing. Raises BadArchiveError, FileExistsError, StoreBusyError, NewerDataError, ConfigError, OSError.
    """
    manifest = archive.read_manifest(file)
    _refuse_newer(manifest)
    has_config = (config / "forewarn.toml").exists()
    if has_config:
        _refuse_full(Path(_places(config).data.folder), is_forced=is_forced)
    beside = Path(_places(config).data.folder) if has_config else config
    with _room_beside(beside, "restore") as folder:
        _refuse_without_space(folder, manifest)
        archive.unpack(file, folder)
        places = _places(config if has_config else folder / "config")
        data = Path(places.data.folder)
        _refuse_full(data, is_forced=is_forced)
        copying.renumber_log(folder / "data", now)
        aside = None
        if data.is_dir() and any(data.iterdir()):
            aside = data.with_name(f"{data.name}.before-restore-{now:%Y%m%dT%H%M%S}")
            data.rename(aside)
        elif data.is_dir():
            data.rmdir()
        data.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "data", data)
        if not has_config:
            shutil.copytree(folder / "config", config, dirs_exist_ok=True)
    return Restored(manifest, data, None if has_config else config, aside, tuple(_differences(manifest, places)))


def _places(config: Path) -> Places:
    file = config / "forewarn.toml"
    data, faults = read_toml(file)
    places, found = build(Places, data, str(file))
    if faults or places is None:
        raise ConfigError([*faults, *found])
    return places


def _copy_config(folder: Path, target: Path) -> None:
    target.mkdir()
    for pattern in CONFIG_FILES:
        for path in folder.glob(pattern):
            shutil.copyfile(path, target / path.name)


def _secrets_in(config: Path) -> list[str]:
    data = tomllib.loads((config / "forewarn.toml").read_text(encoding="utf-8"))
    return [
        f"forewarn.toml holds {key} in plain, and so does the archive: keep it safe, or move the secret to the "
        "environment or a file"
        for key in in_plain(data)
    ]


def _refuse_newer(manifest: Manifest) -> None:
    known = migrations.newest()
    for name, held in manifest.versions.items():
        if held > known.get(name, ""):
            raise NewerDataError(
                f"the archive was made by Forewarn {manifest.forewarn}, which is newer: restore with it"
            )


def _refuse_full(data: Path, *, is_forced: bool) -> None:
    if not data.is_dir() or not any(data.iterdir()):
        return
    copying.refuse_if_in_use(data)
    if not is_forced:
        raise FileExistsError(f"{data} is not empty; --force moves it aside and restores all the same")


def _refuse_without_space(folder: Path, manifest: Manifest) -> None:
    needed, free = sum(manifest.sizes.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(f"the archive unpacks to {needed >> 20} MB, and {free >> 20} MB are free beside {folder.parent}")


def _differences(manifest: Manifest, places: Places) -> Iterator[str]:
    for part, why in manifest.left_out.items():
        yield f"the {part} was not in the archive: {why}"
    if places.ledger.is_postgres and "data/ledger.db" in manifest.sizes:
        yield "the archive's ledger is SQLite and lies in the data folder, but the config's ledger is on PostgreSQL"


@contextmanager
def _room_beside(path: Path, what: str) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".forewarn-{what}-", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
