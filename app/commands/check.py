"""`forewarn check`: every fault of the config at once; with --live, what broker and stores really do."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterable

from app.clock import SystemClock
from app.feature_faults import unit_warnings
from app.live_check import findings
from app.notify import notifiers
from app.settings import load
from collectors.probe import Finding


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Read the config; faults raise ConfigError, which ends with exit code 2."""
    settings = load(args.config)
    with notifiers(settings):
        pass
    plant, root = settings.plant, settings.root
    n_tags = sum(len(t) for t in plant.tags.values())
    print(
        f"{args.config}: no faults in the files. Assets {len(plant.assets)}, tags {n_tags}, "
        f"detectors {len(root.detectors)}, rules {len(settings.rules)}, notifiers {len(root.notifiers)}"
    )
    for warning in unit_warnings(root.derived, plant, str(args.config / "forewarn.toml")):
        print(f"warning: {warning}")
    return live(findings(settings, SystemClock())) if args.live else 0


def live(found: Iterable[Finding]) -> int:
    """Print what is found at the broker and the stores, with what to do; exit code 1 where something is wrong."""
    n_faults = 0
    for finding in found:
        n_faults += finding.is_fault
        print(f"{'FAULT' if finding.is_fault else 'ok   '} {finding.subject:12} {finding.text}")
        if finding.advice:
            print(f"{'':18} -> {finding.advice}")
    print(f"live: {n_faults or 'no'} fault{'' if n_faults == 1 else 's'} at broker and stores")
    return int(n_faults > 0)
