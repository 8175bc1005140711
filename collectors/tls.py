"""`[mqtt.tls]` to an SSL context: TLS 1.2 or newer, the broker's certificate and host name always checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from collectors.mqtt_settings import TlsSettings


def context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context of a connection; raises OSError for a file that cannot be read or used."""
    made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca_file or None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file:
        # without a password function OpenSSL would ask for one on the terminal
        made.load_cert_chain(settings.certificate_file, settings.key_file, password=lambda: b"")
    return made


def faults(settings: TlsSettings) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with the files as (key, value, rule); an empty answer means that they can be used."""
    if not settings.is_enabled:
        return
    for key in ("ca_file", "certificate_file", "key_file"):
        path = getattr(settings, key)
        try:
            if path:
                open(path, "rb").close()
        except OSError as error:
            yield key, path, f"cannot be read: {error.strerror}"
    try:
        context(TlsSettings(is_enabled=True, ca_file=settings.ca_file))
    except ssl.SSLError as error:
        yield "ca_file", settings.ca_file, f"holds no certificate in PEM form: {error.reason or error}"
    except OSError:
        return  # told above
    try:
        context(settings)
    except ssl.SSLError as error:
        yield "certificate_file", settings.certificate_file, f"does not go with the key, or is not PEM: {error.reason}"
    except OSError:
        return
