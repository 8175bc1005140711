"""Archives: what goes in comes out, and what is damaged or made to do harm is refused as a whole."""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import archive
from app.archive import BadArchiveError

ABOUT = {"made_at": "2026-03-01T00:00:00+00:00", "forewarn": "0.2.0", "plant": "Tiny"}
FILES = {
    "data/ledger.db": b"rows" * 1000,
    "data/models/a/b.json": b"{}",
    "config/forewarn.toml": "[plant] # 한글".encode(),
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    archive.pack(tmp_path / "in", archive.listed(tmp_path / "in", **ABOUT), tmp_path / "a.tar.gz")
    return tmp_path / "a.tar.gz"


def files_in(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_goes_in_comes_out(made: Path, tmp_path: Path) -> None:
    manifest = archive.unpack(made, tmp_path / "out")
    found = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == FILES
    assert (manifest.plant, manifest.sizes) == ("Tiny", {name: len(c) for name, c in sorted(FILES.items())})


def test_only_its_owner_may_read_an_archive(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_a_file_that_shrinks_while_it_is_packed_leaves_no_archive(made: Path, tmp_path: Path) -> None:
    manifest = archive.listed(tmp_path / "in", **ABOUT)
    (tmp_path / "in" / "data" / "ledger.db").write_bytes(b"short")
    with pytest.raises(OSError, match="unexpected end"):
        archive.pack(tmp_path / "in", manifest, tmp_path / "b.tar.gz")
    assert list(tmp_path.glob("b.*")) == []


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9])
def test_an_archive_that_was_cut_off_is_refused(share: float, made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    made.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadArchiveError):
        archive.unpack(made, tmp_path / "out")


def test_every_changed_byte_is_noticed_or_changes_nothing(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    refused = 0
    for i in range(0, len(whole), max(1, len(whole) // 150)):
        made.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        out = tmp_path / f"out{i}"
        try:
            archive.unpack(made, out)
        except BadArchiveError:
            refused += 1
            continue
        assert files_in(out) == FILES  # a byte of the gzip head, or of the padding
    assert refused > 100


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"time,value\n1,2\n", gzip.compress(b"text"), tar([("readme", b"x")])):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(BadArchiveError):
            archive.unpack(tmp_path / "x", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def tar(members: list[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as made:
        for name, content in members:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = len(content) if member.type == tarfile.REGTYPE else 0
            made.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def manifest_of(files: dict[str, bytes], **changed: Any) -> bytes:
    import hashlib

    sizes = {name: len(content) for name, content in files.items()}
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    made = {**ABOUT, "sizes": sizes, "sha256": sha256, "format": 1, "versions": {}, "left_out": {}}
    return json.dumps({**made, **changed}).encode()


def link(kind: bytes, name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


ESCAPES = [
    "../out",
    "data/../../out",
    "/tmp/out",
    "data//out",
    "data/./out",
    "",
    "data",
    "etc/passwd",
    "data\\..\\..\\out",
    "C:/x",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    files = {name: b"evil"}
    (tmp_path / "x").write_bytes(tar([("manifest.json", manifest_of(files)), *files.items()]))
    with pytest.raises(BadArchiveError, match="leads out"):
        archive.unpack(tmp_path / "x", tmp_path / "deep" / "folder")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "x"]


@pytest.mark.parametrize(
    "member",
    [
        link(tarfile.SYMTYPE, "data/a", "/etc/passwd"),
        link(tarfile.LNKTYPE, "data/a", "../../etc/passwd"),
        link(tarfile.FIFOTYPE, "data/a", ""),
        link(tarfile.DIRTYPE, "data/a", ""),
        link(tarfile.REGTYPE, "../a", ""),
        link(tarfile.REGTYPE, "data/not-named", ""),
    ],
    ids=lambda m: f"{m.type!r}-{m.name}",
)
def test_a_member_that_is_no_file_of_the_manifest_is_refused(member: tarfile.TarInfo, tmp_path: Path) -> None:
    content = tar([("manifest.json", manifest_of({"data/a": b""})), (member, b"")])
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadArchiveError, match="not a file that the manifest names"):
        archive.unpack(tmp_path / "x", tmp_path / "out")
    assert not (tmp_path / "a").exists()


def _twice(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files)), *files.items(), *files.items()])


def _missing(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files))])


def _longer(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files)), *((n, c + b"x") for n, c in files.items())])


def _other(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files)), *((n, b"y" * len(c)) for n, c in files.items())])


def _torn(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files)[:-9]), *files.items()])


def _newer(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files, format=99, forewarn="9.9")), *files.items()])


def _unsummed(files: dict[str, bytes]) -> bytes:
    return tar([("manifest.json", manifest_of(files, sha256={})), *files.items()])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_twice, "twice"),
        (_missing, "1 files are missing"),
        (_longer, "bytes long"),
        (_other, "SHA-256"),
        (_torn, "cannot be read"),
        (_newer, "made by Forewarn 9.9, which is newer"),
        (_unsummed, "different files"),
    ],
)
def test_an_archive_that_differs_from_its_manifest_is_refused(
    made: Callable[[dict[str, bytes]], bytes], said: str, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(made({"data/a": b"content"}))
    with pytest.raises(BadArchiveError, match=said):
        archive.unpack(tmp_path / "x", tmp_path / "out")
