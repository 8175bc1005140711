"""Where the bundled config is: beside the sources in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path


def bundled_config() -> Path:
    """Return the folder that holds the default config and the demo plant."""
    packaged = Path(__file__).parent / "_config"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "config"
