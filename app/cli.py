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
    "init": "forewarn init plant --sensors boiler.csv --quality lots.csv --events stops.csv --zone Europe/Berlin",
    "check": "forewarn check --live --config plant",
    "load": "forewarn load --config plant history/*.csv",
    "run": "forewarn run --config plant",
    "train": "forewarn train failure --config plant",
    "models": "forewarn models list",
    "alerts": 'forewarn alerts ack 9f2c41d07be3a655 --by "Kim" --reason "on my way"',
    "rules": "forewarn rules preview oil-hot raise=85 on_delay=10min --days 90",
    "deadletter": "forewarn deadletter list --reason unknown_tag",
    "status": "forewarn status --json",
    "backup": "forewarn backup /backups/monday.tar.gz",
    "restore": "forewarn restore /backups/monday.tar.gz",
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

    init = _command(commands, "init", "a starting config from dump files; every guess is marked", has_config=False)
    init.add_argument("dir", type=Path, metavar="DIR", help="folder to write, new or empty")
    init.add_argument("--sensors", nargs="+", type=Path, default=[], metavar="FILE", help="tag values, CSV or Parquet")
    init.add_argument("--quality", nargs="+", type=Path, default=[], metavar="FILE", help="lots and their results")
    init.add_argument("--events", nargs="+", type=Path, default=[], metavar="FILE", help="failures, stops, maintenance")
    init.add_argument("--zone", default="", help="time zone of times that name none, e.g. Asia/Seoul")
    init.add_argument(
        "--time-format", default="", metavar="FORMAT", help='e.g. "%%d/%%m/%%Y %%H:%%M", where two ways fit'
    )
    init.add_argument("--asset", default="", help="machine of files that name none, e.g. plant/boiler-3")

    check = _command(commands, "check", "check the config; every fault at once")
    check.add_argument("--live", action="store_true", help="connect to broker and stores as well, and examine them")

    load = _command(commands, "load", "load dump files")
    load.add_argument("--kind", choices=("sensors", "events", "lots", "results"), help="only formats of this kind")
    load.add_argument("--again", action="store_true", help="read files again that were loaded before")
    load.add_argument("files", nargs="+", type=Path, metavar="FILE")

    run = _command(commands, "run", "collect, score, alert and show until stopped")
    run.add_argument("--only", metavar="ROLE,...", help="only these: collect, score, console; needs InfluxDB")

    train = _command(commands, "train", "train detectors on the stored history")
    train.add_argument("role", choices=("failure", "quality", "anomaly"))
    train.add_argument("--detector", help="only this one")
    train.add_argument("--json", action="store_true")

    models = _command(commands, "models", "list trained models; show one, its features and hypotheses")
    models.add_argument("action", choices=("list", "show"))
    models.add_argument("model", nargs="?", help="model id, for show")
    models.add_argument("--json", action="store_true")

    _add_alerts(_command(commands, "alerts", "list alerts and attend to them; the alarm figures"))
    _add_rules(_command(commands, "rules", "list rules, try a change on history, make it, take it back"))

    dead = _command(commands, "deadletter", "what could not be taken, and why; read it again; conflicts")
    dead.add_argument("action", choices=("list", "show", "replay", "conflicts"))
    dead.add_argument("id", nargs="?", type=int, help="number of one dead letter")
    dead.add_argument("--reason", help="only this reason code")
    dead.add_argument("--json", action="store_true")

    status = _command(commands, "status", "the sum, lag, alerts, model ages")
    status.add_argument("--json", action="store_true")

    backup = _command(commands, "backup", "config and data into one archive")
    backup.add_argument("file", type=Path, metavar="FILE", help="a new .tar.gz file")

    restore = _command(commands, "restore", "an archive into an empty data folder")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument("--force", action="store_true", help="move a data folder that is not empty aside")
    return parser


def _add_alerts(alerts: argparse.ArgumentParser) -> None:
    acts = ("ack", "reset", "comment", "shelve", "unshelve", "out-of-service", "in-service")
    alerts.add_argument("action", choices=("list", *acts, "performance"))
    alerts.add_argument("alert", nargs="?", help="alert id; for shelving and service, also a rule with --asset")
    alerts.add_argument("--by", default="", help="who does it")
    alerts.add_argument("--reason", default="", help="what they say")
    alerts.add_argument("--until", default="", help='of a shelving: "2h", or an instant with its zone')
    alerts.add_argument("--occurrence", type=int, help="of ack: how many raises you have seen")
    alerts.add_argument("--asset", help="only of this asset")
    alerts.add_argument("--rule", help="only of this rule")
    alerts.add_argument("--state", help='only in this state, or states that begin so, e.g. "active"')
    alerts.add_argument("--priority", choices=("high", "medium", "low"))
    alerts.add_argument("--owner", help="only of this operators' position")
    alerts.add_argument("--open", action="store_true", help="only what is not closed")
    alerts.add_argument("--last", dest="days_given", type=float, metavar="DAYS", help="only raised within these days")
    alerts.add_argument("--most", type=int, default=1000, help="at most so many (%(default)s)")
    alerts.add_argument("--days", type=float, default=30.0, help="of performance: the days looked at (%(default)g)")
    alerts.add_argument("--prove", action="store_true", help="of performance: replay the stored data for each advice")
    alerts.add_argument("--json", action="store_true")


def _add_rules(rules: argparse.ArgumentParser) -> None:
    rules.add_argument("action", choices=("list", "preview", "set", "history", "undo"))
    rules.add_argument("rule", nargs="?", help="rule id; of undo, the number of the change")
    rules.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="keys as in rules.toml; KEY= takes one out")
    rules.add_argument("--file", help="a whole rules.toml in place of single keys")
    rules.add_argument("--days", type=float, default=90.0, help="of history to try it on (%(default)g)")
    rules.add_argument("--by", default="", help="who changes it")
    rules.add_argument("--reason", default="", help="why")
    rules.add_argument("--json", action="store_true")


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
