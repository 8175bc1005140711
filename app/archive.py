"""One archive file of named files, and back: nothing is written where it belongs before all of it was read and found
whole.

Invariants: the manifest comes first and names every file with its size and SHA-256; an archive that names anything else
(a path that leads out, a link, a device, a file twice) or whose bytes differ is refused as a whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MAX_MANIFEST: Final = 64 << 20
BLOCK: Final = 1 << 20
COMPRESSION: Final = 1  # telemetry is compressed in itself; more would only take longer


class BadArchiveError(Exception):
    """The archive is damaged, of a newer release, or no archive of ours; nothing was restored from it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. versions: database -> its version; left_out: part -> why it is not in here."""

    made_at: str
    forewarn: str
    plant: str
    versions: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


def listed(folder: Path, **about: Any) -> Manifest:
    """Return the manifest of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    sizes = dict(zip(names, (path.stat().st_size for path in files), strict=True))
    return Manifest(**about, sizes=sizes, sha256=dict(zip(names, map(_sha256, files), strict=True)))


def pack(folder: Path, manifest: Manifest, file: Path) -> None:
    """Write the files that a manifest names to a new archive, which only its owner may read; it is there whole, or not
    at all.
    """
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as raw:
            with tarfile.open(
                fileobj=raw, mode="w:gz", compresslevel=COMPRESSION, format=tarfile.PAX_FORMAT
            ) as archive:
                text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode()
                archive.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
                for name, size in manifest.sizes.items():
                    with (folder / name).open("rb") as source:
                        archive.addfile(_member(name, size), source)
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def read_manifest(file: Path) -> Manifest:
    """Return what an archive says it holds; raises BadArchiveError, and OSError where the file cannot be read."""
    with _opened(file) as archive:
        return _first(archive)


def unpack(file: Path, folder: Path) -> Manifest:
    """Write an archive's files below `folder`, which is empty, and check every byte; raises BadArchiveError."""
    with _opened(file) as archive:
        manifest = _first(archive)
        missing = set(manifest.sizes)
        while (member := archive.next()) is not None:
            if not member.isreg() or member.name not in missing:
                raise BadArchiveError(f"{member.name!r}: not a file that the manifest names, or there twice")
            missing.remove(member.name)
            _write(archive, member, folder, manifest)
        if missing:
            raise BadArchiveError(f"{len(missing)} files are missing, such as {min(missing)}")
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive as a stream; whatever a damaged one makes of its reader is a BadArchiveError."""
    with file.open("rb") as raw:
        try:
            with tarfile.open(fileobj=raw, mode="r|gz") as archive:
                yield archive
        except (tarfile.TarError, EOFError, zlib.error, UnicodeError) as error:
            raise BadArchiveError(f"{file} is not an archive of Forewarn, or it is damaged: {error}") from error


def _first(archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > MAX_MANIFEST:
        raise BadArchiveError("it does not begin with a manifest: not an archive of Forewarn, or damaged")
    stream = archive.extractfile(member)
    try:
        data = json.loads(stream.read() if stream is not None else b"")
        if data["format"] > FORMAT:
            raise BadArchiveError(f"it was made by Forewarn {data['forewarn']}, which is newer: restore with that one")
        manifest = Manifest(**data)
        whole = set(manifest.sizes) == set(manifest.sha256) and all(type(n) is int for n in manifest.sizes.values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadArchiveError(f"its manifest cannot be read: {error}") from error
    bad = [name for name in manifest.sizes if not _is_inside(name)]
    if bad:
        raise BadArchiveError(f"its manifest names a path that leads out: {bad[0]!r}")
    if not whole:
        raise BadArchiveError("its manifest has sizes and checksums of different files")
    return manifest


def _is_inside(name: str) -> bool:
    """Whether a name is a plain path below `config` or `data`: relative, normal, and the same on every system."""
    parts = name.split("/")
    is_plain = not any(part in ("", ".", "..") for part in parts) and not set(name) & {"\\", ":", "\0"}
    return is_plain and parts[0] in ("config", "data") and len(parts) > 1


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, manifest: Manifest) -> None:
    stream = archive.extractfile(member)
    if stream is None or member.size != manifest.sizes[member.name]:
        raise BadArchiveError(f"{member.name} is {member.size} bytes long, not {manifest.sizes[member.name]}")
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    # Among the data is the key that models are signed with: they are their owner's alone.
    mode = 0o600 if member.name.startswith("data/") else 0o666
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as target:
        while block := stream.read(BLOCK):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != manifest.sha256[member.name]:
        raise BadArchiveError(f"{member.name} was changed or damaged: its SHA-256 is not the manifest's")


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
