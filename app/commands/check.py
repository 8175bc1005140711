"""`forewarn check`: every fault of the config at once."""

from __future__ import annotations

import argparse
import threading

from app.notify import notifiers
from app.settings import load


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Read the config; faults raise ConfigError, which ends with exit code 2."""
    settings = load(args.config)
    with notifiers(settings):
        pass
    plant, root = settings.plant, settings.root
    n_tags = sum(len(t) for t in plant.tags.values())
    print(
        f"{args.config}: no faults. {len(plant.assets)} assets, {n_tags} tags, {len(root.detectors)} detectors, "
        f"{len(settings.rules)} rules, {len(root.notifiers)} notifiers"
    )
    return 0
