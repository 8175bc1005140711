"""A plant's signing key, and the signature of a model bundle: made where a model is trained, verified before anything
of the bundle is parsed.

Invariant: a signature holds for one detector's name, one model id and one content, under one key.
Source: HMAC-SHA256, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from domain.errors import ModelError

KEY_NAME: Final = "signing.key"
KEY_BYTES: Final = 32


def key_at(file: Path) -> bytes:
    """Return the key in a file, which is made with a new one (mode 0600) where it is missing.

    Raises ModelError where the file holds no key, or where others than its owner may read it.
    """
    if not file.exists():
        _make(file)
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        raise ModelError(f"the key {file} can be read by others (mode {mode:o}): chmod 600, and who had it can sign")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise ModelError(f"the key {file} is not in hexadecimal digits") from error
    if len(key) < KEY_BYTES:
        raise ModelError(f"the key {file} has {len(key)} bytes, at least {KEY_BYTES} are needed")
    return key


def _make(file: Path) -> None:
    """Write a new key; of two processes that do so at once one wins, and both read the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(KEY_BYTES).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(aside, file)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def signature(key: bytes, purpose: str, *said: str) -> str:
    """Return the HMAC-SHA256 of what is said for a purpose, in hexadecimal digits; each text is hashed, so that no two
    sayings run into one another.
    """
    parts = [hashlib.sha256(text.encode()).digest() for text in (purpose, *said)]
    return hmac.new(key, b"".join(parts), hashlib.sha256).hexdigest()


def is_equal(found: bytes, wanted: str) -> bool:
    """Compare in a time that does not tell where the two differ."""
    return hmac.compare_digest(found, wanted.encode())
