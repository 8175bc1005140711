"""Real brokers for tests: a mosquitto with any config, with the shipped one, and one that speaks TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import trustme

from collectors.mqtt_settings import TlsSettings
from tests.architecture.product import ROOT
from tests.conftest import SBIN_MOSQUITTO, free_port, wait_for_port

SHIPPED = ROOT / "deploy" / "mosquitto"
USER, PASSWORD = "forewarn", "kept secret"


def program(name: str = "mosquitto") -> str:
    found = shutil.which(name) or (SBIN_MOSQUITTO if Path(SBIN_MOSQUITTO).exists() else None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def broker(folder: Path, config: str) -> Iterator[int]:
    """Run a mosquitto; `{port}` and `{folder}` in the config are filled in. Yields the port."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    file = folder / "mosquitto.conf"
    file.write_text("user root\n" + config.replace("{port}", str(port)).replace("{folder}", str(folder)))
    process = subprocess.Popen([program(), "-c", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


DEBIAN = """\
pid_file {folder}/mosquitto.pid

persistence true
persistence_location {folder}/

log_dest file {folder}/mosquitto.log

include_dir {folder}/conf.d
"""


def shipped_config(folder: Path, main: str = DEBIAN) -> str:
    """Return a main file, Debian's by default, that includes the shipped config with its places in a folder; the
    password of the collector's user is made.
    """
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    (folder / "conf.d").mkdir(parents=True, exist_ok=True)
    passwords = folder / "forewarn.passwd"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD], check=True, timeout=20)
    shutil.copy(SHIPPED / "forewarn.acl", folder / "forewarn.acl")
    text = (SHIPPED / "forewarn.conf").read_text()
    listener = "\nlistener 1883 127.0.0.1\n"
    assert listener in text
    assert "/etc/mosquitto/" in text
    placed = text.replace("/etc/mosquitto/", f"{folder}/").replace(listener, "\n")
    (folder / "conf.d" / "forewarn.conf").write_text(placed)
    return main + "listener {port} 127.0.0.1\n"  # each test has a port of its own


@dataclass(frozen=True, slots=True)
class Authority:
    """Certificates of a test: one authority, files in one folder."""

    folder: Path
    ca: trustme.CA

    @staticmethod
    def of(folder: Path) -> Authority:
        folder.mkdir(exist_ok=True)
        made = Authority(folder, trustme.CA())
        made.ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        return made

    def issue(self, name: str, *hosts: str, until: datetime | None = None) -> tuple[str, str]:
        """Issue a certificate; returns the files of certificate and key."""
        cert = self.ca.issue_cert(*hosts, not_after=until, common_name=name)
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.cert_chain_pems[0].write_to_path(str(certificate))
        cert.private_key_pem.write_to_path(str(key))
        return str(certificate), str(key)

    def client(self, name: str = "", ca: str = "") -> TlsSettings:
        """Return settings of a client that trusts this authority, with a certificate where a name is given."""
        certificate, key = self.issue(name, name) if name else ("", "")
        return TlsSettings(
            is_enabled=True, ca_file=ca or str(self.folder / "ca.pem"), certificate_file=certificate, key_file=key
        )


def tls_config(authority: Authority, certificate: tuple[str, str], *, has_clients: bool) -> str:
    """Return the config of a broker that speaks TLS only."""
    return (
        "allow_anonymous true\nlistener {port} 127.0.0.1\n"
        f"cafile {authority.folder / 'ca.pem'}\ncertfile {certificate[0]}\nkeyfile {certificate[1]}\n"
        + ("require_certificate true\nuse_identity_as_username true\n" if has_clients else "")
    )
