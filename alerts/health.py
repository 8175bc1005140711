"""The rules by which Forewarn watches itself, always on; a rule of rules.toml that watches the same takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from domain.alerting import Condition, Priority, Rule
from domain.text import mark

SOFTWARE: Final = "forewarn"  # stands where other alerts name an asset, and its class
SUM, DISK, JOURNAL, LAG, RECEIVER, DEAD_LETTERS, MISSING = (
    "sum",
    "disk",
    "journal",
    "lag",
    "receiver",
    "dead_letters",
    "missing",
)
RATE: Final = "rate"
FILES: Final = "files"
RULES_FILE: Final = "rules_file"
RULES_FAILED: Final = "rules_failed"
UNDELIVERED: Final = "undelivered"
FAULTS: Final = ("unit", "ambiguous_tag", "cardinality", "time_unit", "future")  # reason codes that a person must mend
MODELS, TRAINING, OVERDUE, DRIFT, JOBS = "models", "training", "overdue", "drift", "jobs"
LIVE_ERROR, RESULTS = "live_error", "results"
MISSES: Final = "misses"
OF_MODELS: Final = (MODELS, TRAINING, OVERDUE, DRIFT, LIVE_ERROR, RESULTS, MISSES)
MEASURES: Final = (
    SUM,
    DISK,
    JOURNAL,
    LAG,
    RECEIVER,
    DEAD_LETTERS,
    MISSING,
    RATE,
    FILES,
    RULES_FILE,
    RULES_FAILED,
    UNDELIVERED,
    JOBS,
    *OF_MODELS,
    *FAULTS,
)


def _rule(
    name: str,
    watched: str,
    raise_at: float,
    clear_at: float,
    on_delay_s: int,
    priority: Priority,
    title: str,
    action: str,
) -> Rule:
    return Rule(
        f"forewarn-{name}",
        SOFTWARE,
        f"health:{watched}",
        Condition.HIGH,
        raise_at,
        clear_at,
        timedelta(seconds=on_delay_s),
        priority,
        title,
        action,
    )


FAULT_TEXTS: Final = {
    "unit": (
        mark("Values come in a unit that cannot be converted"),
        mark("The System page names the topic. Mend the unit there or in tags.csv, and read the dead letters again."),
    ),
    "ambiguous_tag": (
        mark("A tag name differs by case or Unicode form only"),
        mark("The System page names the topic. Mend the name there or in tags.csv, and read the dead letters again."),
    ),
    "cardinality": (
        mark("Too many names are unknown"),
        mark("Look for a publisher that makes up names; where they are right, add them to tags.csv."),
    ),
    "time_unit": (
        mark("Times come in another unit than the config says"),
        mark("The System page names the topic. Mend its time unit in the config, and read the dead letters again."),
    ),
    "future": (
        mark("Times lie in the future: a clock is wrong"),
        mark("The System page names the topic. Set the clock of its publisher, or of this machine, by NTP."),
    ),
}
RULES: Final = (
    _rule(
        "sum",
        SUM,
        0.5,
        0.5,
        10,
        Priority.HIGH,
        mark("Items are unaccounted for"),
        mark("Keep the data folder as it is and look at the System page: what was received is not all somewhere."),
    ),
    _rule(
        "disk-80",
        DISK,
        0.80,
        0.78,
        0,
        Priority.MEDIUM,
        mark("The disk is 80 % full"),
        mark("Free space, or set a retention: below a reserve nothing more is received."),
    ),
    _rule(
        "disk-90",
        DISK,
        0.90,
        0.88,
        0,
        Priority.HIGH,
        mark("The disk is 90 % full"),
        mark("Free space, or set a retention: below a reserve nothing more is received."),
    ),
    _rule(
        "journal-80",
        JOURNAL,
        0.80,
        0.5,
        0,
        Priority.MEDIUM,
        mark("The journal is 80 % full"),
        mark("Find out why the store takes nothing; a full journal leaves the data with the broker."),
    ),
    _rule(
        "journal-90",
        JOURNAL,
        0.90,
        0.8,
        0,
        Priority.HIGH,
        mark("The journal is 90 % full"),
        mark("Find out why the store takes nothing; a full journal leaves the data with the broker."),
    ),
    _rule(
        "lag",
        LAG,
        120.0,
        30.0,
        0,
        Priority.HIGH,
        mark("Data wait in the journal: the store takes none"),
        mark(
            "Look whether the store runs and can be reached. Nothing is lost meanwhile, but nothing is scored either."
        ),
    ),
    _rule(
        "receiver",
        RECEIVER,
        30.0,
        5.0,
        0,
        Priority.HIGH,
        mark("Nothing can be received from the broker"),
        mark("Look whether the broker runs and takes the password; the log says what it answered."),
    ),
    _rule(
        "dead-letters",
        DEAD_LETTERS,
        0.05,
        0.01,
        60,
        Priority.MEDIUM,
        mark("Many items cannot be read"),
        mark("Look at the dead letters on the System page; after the cause is mended they can be read again."),
    ),
    _rule(
        "missing",
        MISSING,
        0.5,
        0.5,
        0,
        Priority.HIGH,
        mark("Messages that publishers numbered never came"),
        mark("`forewarn status` names the publishers. The broker dropped messages, or they were sent without QoS 1."),
    ),
    _rule(
        "files",
        FILES,
        0.5,
        0.5,
        60,
        Priority.MEDIUM,
        mark("A file of the watched folder needs a look"),
        mark(
            "The System page names it: it cannot be taken, was rejected, or came again with other content, which won."
        ),
    ),
    _rule(
        "rules-file",
        RULES_FILE,
        0.5,
        0.5,
        0,
        Priority.HIGH,
        mark("rules.toml has faults: the rules from before are still at work"),
        mark("`forewarn check` names every fault with its file, rule and key."),
    ),
    _rule(
        "rules-failed",
        RULES_FAILED,
        0.5,
        0.5,
        0,
        Priority.HIGH,
        mark("A rule fails: what it watches is not watched"),
        mark("The log names the rule and the error; the assets it watches say ENGINE ERROR."),
    ),
    _rule(
        "rate",
        RATE,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("A topic sends far more than usual"),
        mark(
            "The System page names the topic. Look for a publisher that runs wild; the others are taken all the same."
        ),
    ),
    _rule(
        "undelivered",
        UNDELIVERED,
        0.5,
        0.5,
        0,
        Priority.HIGH,
        mark("Notifications cannot be delivered"),
        mark("The System page names the receiver and what it answered; `forewarn notify test NAME` tries it out."),
    ),
    _rule(
        "models",
        MODELS,
        0.5,
        0.5,
        0,
        Priority.HIGH,
        mark("A model cannot be used"),
        mark("The System page names it. The champion before it scores meanwhile: roll back, or train it again."),
    ),
    _rule(
        "training",
        TRAINING,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("A detector could not be trained again"),
        mark("The System page says why. The champion goes on scoring; the training is tried again at its next time."),
    ),
    _rule(
        "overdue",
        OVERDUE,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("A detector has not been trained for longer than it should"),
        mark("The System page names it. Look whether the service ran when it was due, and train it by hand."),
    ),
    _rule(
        "drift",
        DRIFT,
        0.5,
        0.5,
        0,
        Priority.LOW,
        mark("What a model sees differs from what it has learned"),
        mark("The System page names the feature. Look at its tag first; where the plant has changed, train again."),
    ),
    _rule(
        "live-error",
        LIVE_ERROR,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("A model of lots errs more than it should"),
        mark(
            "The System page says by how much. Look what has changed with `forewarn report drop`, and train it again."
        ),
    ),
    _rule(
        "results",
        RESULTS,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("Results of lots are overdue"),
        mark("The System page names the line. Ask the laboratory, and look whether its files or messages arrive."),
    ),
    _rule(
        "misses",
        MISSES,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("An asset could not be assessed three times in a row"),
        mark("No model warns of it meanwhile. The System page names the asset and the reason: mend the tag it names."),
    ),
    _rule(
        "jobs",
        JOBS,
        0.5,
        0.5,
        0,
        Priority.MEDIUM,
        mark("Work of the service came late or took too long"),
        mark("The System page names it. Look whether the machine is overloaded, or a store answers slowly."),
    ),
    *(_rule(name.replace("_", "-"), name, 0.5, 0.5, 0, Priority.MEDIUM, *FAULT_TEXTS[name]) for name in FAULTS),
)
OWN_IDS: Final = frozenset(rule.id for rule in RULES)


def with_own(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the plant's rules and the software's own, those left out that the plant has put its own for."""
    replaced = {rule.watch for rule in rules}
    return (*rules, *(rule for rule in RULES if rule.watch not in replaced))
