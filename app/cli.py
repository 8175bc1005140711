"""The command line: arguments in, an exit code out (0 done, 1 failed, 2 wrong usage or config). Imports nothing
heavy.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

EXAMPLES: Final = {
    "demo": "forewarn demo --once --json",
    "init": "forewarn init plant --sensors boiler.csv --quality lots.csv --events stops.csv --zone Europe/Berlin",
    "check": "forewarn check --live --config plant",
    "load": "forewarn load --config plant history/*.csv",
    "run": "forewarn run --config plant",
    "train": "forewarn train failure --config plant",
    "features": "forewarn features export --set press-trend --from 2026-03-01 --out march.parquet",
    "evaluate": "forewarn evaluate failure --json --config plant",
    "report": "forewarn report factors --detector silica --out factors.html",
    "threshold": 'forewarn threshold choose press-failure --raise 0.35 --by "Kim" --reason "more checks are fine"',
    "models": 'forewarn models rollback press-failure --by "Kim" --reason "raised three false alarms today"',
    "alerts": 'forewarn alerts ack 9f2c41d07be3a655 --by "Kim" --reason "on my way"',
    "users": "forewarn users add kim --role operator",
    "audit": "forewarn audit verify",
    "rules": "forewarn rules preview oil-hot raise=85 on_delay=10min --days 90",
    "notify": "forewarn notify test mail",
    "events": "forewarn events add --asset plant/press-4 --kind failure --code seal --start 2026-03-01T14:30 --by Kim",
    "deadletter": "forewarn deadletter list --reason unknown_tag",
    "status": "forewarn status --json",
    "backup": "forewarn backup /backups/monday.tar.gz",
    "restore": "forewarn restore /backups/monday.tar.gz",
}


class _Parser(argparse.ArgumentParser):
    """Names the nearest word beside one that it does not know, and takes an operand after an option too:
    `models show --config plant ID`, where Python before 3.13 fills ID with nothing as soon as it sees the option.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return what was understood, and the rest."""
        found, rest = super().parse_known_args(args, namespace)
        for operand in self._get_positional_actions():
            words = [word for word in rest if not word.startswith("-")]
            if words and operand.nargs in ("?", "*") and not getattr(found, operand.dest):
                taken = words if operand.nargs == "*" else words[:1]
                try:
                    values = [self._get_value(operand, word) for word in taken]
                except argparse.ArgumentError as error:
                    self.error(str(error))
                setattr(found, operand.dest, values if operand.nargs == "*" else values[0])
                for word in taken:
                    rest.remove(word)
        return found, rest

    def error(self, message: str) -> NoReturn:
        given = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        near = difflib.get_close_matches(given[1], re.findall(r"[\w-]+", given[2]), n=1) if given else []
        super().error(message + (f' - did you mean "{near[0]}"?' if near else ""))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = _parser()
    args = parser.parse_args(argv)
    command = import_module(f"app.commands.{args.command}")
    run = import_module("app.running").run
    return int(run(command.main, args))


def _parser() -> _Parser:
    parser = _Parser(
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
    demo.add_argument("--port", type=_port, help="port of the console (8050)")

    init = _command(commands, "init", "a starting config from dump files; every guess is marked", has_config=False)
    init.add_argument("dir", type=Path, metavar="DIR", help="folder to write, new or empty")
    init.add_argument("--sensors", nargs="+", type=Path, default=[], metavar="FILE", help="tag values, CSV or Parquet")
    init.add_argument("--quality", nargs="+", type=Path, default=[], metavar="FILE", help="lots and their results")
    init.add_argument("--events", nargs="+", type=Path, default=[], metavar="FILE", help="failures, stops, maintenance")
    init.add_argument(
        "--assets", nargs="+", type=Path, default=[], metavar="FILE", help="machines: their type, age, ..."
    )
    init.add_argument("--zone", default="", help="time zone of times that name none, e.g. Asia/Seoul")
    init.add_argument(
        "--time-format", default="", metavar="FORMAT", help='e.g. "%%d/%%m/%%Y %%H:%%M", where two ways fit'
    )
    init.add_argument("--asset", default="", help="machine of files that name none, e.g. plant/boiler-3")
    init.add_argument(
        "--results", nargs="+", default=[], metavar="COLUMN", help="columns of --quality that are results"
    )
    init.add_argument("--row-every", default="", metavar="SPAN", help="e.g. 1h: --quality without times, rows in order")
    init.add_argument(
        "--row-first", default="", metavar="T", help="when their first row was; else by the year in their names"
    )

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

    features = _command(commands, "features", "what feature sets will take; the history's windows to Parquet; lags")
    features.add_argument("action", choices=("plan", "export", "lags"))
    features.add_argument("--set", metavar="NAME", help="only this feature set")
    features.add_argument("--from", dest="since", metavar="T", help="windows that end after this time")
    features.add_argument("--to", dest="until", metavar="T", help="windows that end at this time or before")
    features.add_argument("--asset", default="*", metavar="PATTERN", help="only assets whose path fits (%(default)s)")
    features.add_argument("--dtype", choices=("float32", "float64"), default="float64", help="(%(default)s)")
    features.add_argument(
        "--workers", default="all", metavar="N", help="threads, or all, dask, dask:ADDRESS (%(default)s)"
    )
    features.add_argument("--out", type=Path, metavar="FILE", help="the Parquet file to write, for export")
    features.add_argument("--detector", metavar="NAME", help="the quality detector whose lots tell, for lags")
    features.add_argument("--most", default="2h", metavar="SPAN", help="the longest lag that is tried (%(default)s)")
    features.add_argument("--json", action="store_true")

    evaluate = _command(commands, "evaluate", "back-test detectors without a leak; nothing is promoted")
    evaluate.add_argument("role", choices=("failure", "quality"))
    evaluate.add_argument("--detector", help="only this one")
    evaluate.add_argument("--random-rows", action="store_true", help="deal rows at random: optimistic, to compare")
    evaluate.add_argument("--json", action="store_true")

    limit = _command(commands, "threshold", "stops caught, false alarms and money by threshold; choose one")
    limit.add_argument("action", choices=("show", "choose"))
    limit.add_argument("detector", metavar="DETECTOR")
    limit.add_argument("--raise", dest="raise_at", type=float, metavar="P", help="probability to raise from")
    limit.add_argument("--by", default="", help="who chooses")
    limit.add_argument("--reason", default="", help="why")
    limit.add_argument("--out", type=Path, metavar="FILE", help="write the curve as a picture (SVG)")
    limit.add_argument("--json", action="store_true")

    models = _command(commands, "models", "list and show trained models; promote one, or roll back to the one before")
    models.add_argument("action", choices=("list", "show", "promote", "rollback", "sign"))
    models.add_argument("model", nargs="?", help="model id; for rollback and show also a detector")
    models.add_argument("--by", default="", help="who promotes, rolls back or signs")
    models.add_argument("--reason", default="", help="why")
    models.add_argument("--json", action="store_true")

    _add_alerts(_command(commands, "alerts", "list alerts and attend to them; the alarm figures"))
    _add_rules(_command(commands, "rules", "list rules, try a change on history, make it, take it back"))

    users = _command(commands, "users", "who may use the console, and as what")
    users.add_argument("action", choices=("list", "add", "role", "password", "disable", "enable"))
    users.add_argument("name", nargs="?", help="whom; not for list")
    users.add_argument("--role", choices=("viewer", "operator", "engineer", "admin"), help="for add and role")
    users.add_argument("--json", action="store_true")

    audit = _command(commands, "audit", "who did what; whether the record was changed since")
    audit.add_argument("action", choices=("list", "verify"))
    audit.add_argument("--head", default="", metavar="N:DIGEST", help="an end that was noted elsewhere, for verify")
    audit.add_argument("--most", type=int, default=1000, help="rows to list (%(default)s)")
    audit.add_argument("--json", action="store_true")

    notify = _command(commands, "notify", "try a receiver of notifications out; list them and what waits")
    notify.add_argument("action", choices=("list", "test"))
    notify.add_argument("name", nargs="?", help="name of a notifier of the config, for test")
    notify.add_argument("--json", action="store_true")

    events = _command(
        commands,
        "events",
        "record stops, failures and maintenance by hand; list; how they show; why none was warned of",
    )
    events.add_argument("action", choices=("add", "list", "onsets", "autopsy"))
    events.add_argument("--asset", default="", help="its path")
    events.add_argument("--kind", default="", help="failure, stop, maintenance, alarm, mode, product or shift")
    events.add_argument("--code", default="", help="failure mode, alarm code, kind of maintenance")
    events.add_argument("--start", default="", metavar="T", help="ISO time, in the plant's zone where it names none")
    events.add_argument("--end", default="", metavar="T", help="left out, it is still going on")
    events.add_argument("--note", default="")
    events.add_argument("--by", default="", metavar="WHO", help="who says so")
    events.add_argument("--detector", default="", help="onsets: of this detector")
    events.add_argument("--accept", action="store_true", help="onsets: labels use what is shown, and keep it")
    events.add_argument("--days", type=float, default=90.0, help="autopsy: of stops in the last days (%(default)g)")
    events.add_argument("--again", action="store_true", help="autopsy: make those anew that were made before")
    events.add_argument("--onset", default="", metavar="T", help="onsets: from where one failure shows instead")
    events.add_argument("--json", action="store_true")

    _add_report(
        _command(commands, "report", "what drives quality, why it changed, what it was worth; text, JSON, a page")
    )

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


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return number


def _add_alerts(alerts: argparse.ArgumentParser) -> None:
    acts = ("ack", "reset", "comment", "shelve", "unshelve", "out-of-service", "in-service")
    alerts.add_argument("action", choices=("list", *acts, "explain", "performance", "review", "judge"))
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
    said = alerts.add_mutually_exclusive_group()
    said.add_argument("--true", dest="worth", action="store_const", const="hit", help="of review: a failure was near")
    said.add_argument("--false", dest="worth", action="store_const", const="false", help="of review: nothing was wrong")
    said.add_argument(
        "--unclear", dest="worth", action="store_const", const="unclear", help="of review: cannot be told"
    )
    alerts.add_argument("--cause", default="", help="of review: what caused it, such as a failure's code")
    alerts.add_argument("--found", default="", help="of review: what was found")
    alerts.add_argument("--asks", action="store_true", help="only what waits for a review")
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


def _add_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("report", choices=("factors", "drop", "benefit", "weekly"), help="see docs/reports.md")
    report.add_argument("--detector", help="of what this one predicts; else of the first, or for benefit of all")
    report.add_argument("--week", metavar="WEEK", help="weekly: such as 2026-W47; by default the last whole one")
    report.add_argument("--from", dest="since", metavar="T", help="the period begins; by default a week before its end")
    report.add_argument("--to", dest="until", metavar="T", help="the period ends; by default with the newest result")
    report.add_argument("--against-from", dest="against_since", metavar="T", help="the period to compare with begins")
    report.add_argument("--against-to", dest="against_until", metavar="T", help="and ends; by default just before")
    report.add_argument("--at", metavar="T", help="benefit: when it was switched on; by default the first model")
    report.add_argument("--mean", action="store_true", help="drop: of the result's mean, where limits say what is bad")
    report.add_argument("--watch", metavar="FACTOR", help="factors: make a rule of its recommended window")
    report.add_argument("--by", default="", help="factors: who makes the rule")
    report.add_argument("--reason", default="", help="factors: why")
    report.add_argument("--language", choices=("en", "ko"), help="of the report; by default the plant's")
    report.add_argument("--out", type=Path, metavar="FILE", help="write it as a page (HTML) as well")
    report.add_argument("--json", action="store_true")


def _command(
    commands: argparse._SubParsersAction[_Parser],
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
