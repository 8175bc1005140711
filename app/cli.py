"""The command line: arguments in, an exit code out (0 done, 1 failed, 2 wrong usage or config). Imports nothing
heavy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

EXAMPLES: Final = {
    "demo": "forewarn demo --once --json",
    "check": "forewarn check --config plant",
    "load": "forewarn load --config plant history/*.csv",
    "run": "forewarn run --config plant",
    "train": "forewarn train failure --config plant",
    "models": "forewarn models list",
    "alerts": 'forewarn alerts ack 9f2c41d07be3a655 --by "Kim" --reason "on my way"',
    "deadletter": "forewarn deadletter list --reason unknown_tag",
    "status": "forewarn status --json",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = _parser()
    args = parser.parse_args(argv)
    command = import_module(f"app.commands.{args.command}")
    run = import_module("app.running").run
    return int(run(command.main, args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forewarn",
        description="Warns before a machine stops and before a lot is defective, and says why.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = _command(commands, "demo", "the bundled plant, replayed over a real broker", has_config=False)
    demo.add_argument("--once", action="store_true", help="replay without a console, as fast as it goes, then end")
    demo.add_argument("--json", action="store_true", help="print the summary as JSON")
    demo.add_argument("--fresh", action="store_true", help="forget an earlier demo and start anew")
    demo.add_argument("--dir", type=Path, default=Path(".forewarn-demo"), help="where its data are kept (%(default)s)")
    demo.add_argument("--speed", type=float, default=2.0, help="plant hours per second (%(default)s)")
    demo.add_argument("--port", type=int, help="port of the console (8050)")

    _command(commands, "check", "check the config; every fault at once")

    load = _command(commands, "load", "load dump files")
    load.add_argument("--kind", choices=("sensors", "events", "lots", "results"), help="only formats of this kind")
    load.add_argument("files", nargs="+", type=Path, metavar="FILE")

    _command(commands, "run", "collect, score and alert until stopped")

    train = _command(commands, "train", "train detectors on the stored history")
    train.add_argument("role", choices=("failure", "quality", "anomaly"))
    train.add_argument("--detector", help="only this one")
    train.add_argument("--json", action="store_true")

    models = _command(commands, "models", "list and show trained models")
    models.add_argument("action", choices=("list", "show"))
    models.add_argument("model", nargs="?", help="model id, for show")
    models.add_argument("--json", action="store_true")

    alerts = _command(commands, "alerts", "list and acknowledge alerts")
    alerts.add_argument("action", choices=("list", "ack"))
    alerts.add_argument("alert", nargs="?", help="alert id, for ack")
    alerts.add_argument("--by", default="", help="who acknowledges")
    alerts.add_argument("--reason", default="", help="what they say")
    alerts.add_argument("--json", action="store_true")

    dead = _command(commands, "deadletter", "list what could not be taken, and why")
    dead.add_argument("action", choices=("list", "show"))
    dead.add_argument("id", nargs="?", type=int, help="number of the dead letter, for show")
    dead.add_argument("--reason", help="only this reason code")
    dead.add_argument("--json", action="store_true")

    status = _command(commands, "status", "the sum, lag, alerts, model ages")
    status.add_argument("--json", action="store_true")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    *,
    has_config: bool = True,
) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=text, description=text, epilog=f"example: {EXAMPLES[name]}")
    if has_config:
        sub.add_argument(
            "--config", type=Path, default=Path("config"), metavar="DIR", help="config folder (%(default)s)"
        )
    return sub


if __name__ == "__main__":
    sys.exit(main())
