"""rules.toml: faults against the plant and between rules, each with file, rule, key and value, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import load
from domain.alerting import Condition
from domain.errors import ConfigError, Fault
from tests.app import tiny_plant as tiny

BASE = '[[rules]]\nid = "p-high"\nasset_class = "pump"\nwatch = "tag:pressure"\nraise = 8.0\n'


def faults(folder: Path, text: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        load(tiny.write(folder, rules_toml=text))
    return list(caught.value.faults)


def another(name: str, **keys: str) -> str:
    own = {"asset_class": '"pump"', "watch": '"tag:pressure"', "raise": "9.0"} | keys
    return f'\n[[rules]]\nid = "{name}"\n' + "".join(f"{k} = {v}\n" for k, v in own.items() if v)


QUIET = another("quiet", condition='"stale"', **{"raise": '"2min"'})
VERDICT = another("v", watch='"verdict:asset"', condition='"is"', verdicts='["NO DATA"]', **{"raise": ""})


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (BASE + another("low", condition='"low"', **{"raise": "8.5"}), "rules[0].raise", '"high" is below "low" = 8.5'),
        (BASE + another("hh", condition='"high-high"', **{"raise": "7.0"}), "rules[1].raise", 'below "high" = 8'),
        (BASE + "deadband = 11.0\n", "rules[0].deadband", "wider than the tag's range of 10 on plant/pump-1"),
        (BASE + 'on_delay = "-5s"\n', "rules[0].on_delay", "negative"),
        (
            BASE + 'on_delay = "5min"\n' + another("quiet", condition='"stale"', **{"raise": '"2min"'}),
            "rules[0].on_delay",
            "stale",
        ),
        (BASE + another("p-high"), "rules[1].id", "stands twice"),
        (BASE + another("x", watch='"tag:presure"'), "rules[1].watch", 'did you mean "pressure"'),
        (BASE + 'parent = "p-hihg"\n', "rules[0].parent", 'did you mean "p-high"'),
        (
            BASE + 'parent = "b"\n' + another("b", parent='"p-high"'),
            "rules[0].parent",
            "in a circle: p-high -> b -> p-high",
        ),
        (BASE + 'receivers = ["lgo"]\n', "rules[0].receivers", 'did you mean "log"'),
        (BASE + 'prioritty = "high"\n', "rules[0].prioritty", 'did you mean "priority"'),
        (BASE + '[[rules.overrides]]\nasset = "plant/pmp-1"\nraise = 9.0\n', "rules[0].overrides[0].asset", "pump-1"),
        (
            another("v", watch='"verdict:pump-od"', condition='"is"', verdicts='["NO DATA"]', **{"raise": ""}),
            "rules[0].watch",
            "pump-odd",
        ),
        (
            another("v", watch='"verdict:asset"', condition='"is"', verdicts='["NODATA"]', **{"raise": ""}),
            "rules[0].verdicts[0]",
            "NO DATA",
        ),
    ],
)
def test_a_rule_that_contradicts_is_told_with_its_id(tmp_path: Path, text: str, key: str, said: str) -> None:
    found = [f for f in faults(tmp_path, text) if f.key == key]
    assert found, [str(f) for f in faults(tmp_path, text)]
    assert said in found[0].rule
    assert '(rule "' in found[0].rule
    assert found[0].file.endswith("rules.toml")
    assert found[0].value


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = BASE + "deadband = 11.0\n" + another("x", watch='"tag:nothing"') + another("y", on_delay='"soon"')
    assert {f.key for f in faults(tmp_path, text)} == {"rules[0].deadband", "rules[1].watch", "rules[2].on_delay"}


def test_a_rule_of_every_kind_is_taken(tmp_path: Path) -> None:
    text = (
        BASE
        + 'off_delay = "1min"\nre_alarm = "4h"\nis_latching = true\nwhen_mode = ["run"]\nowner = "north"\ncost = 500\n'
        + '[[rules.overrides]]\nasset = "*/pump-2"\nraise = 9.5\npriority = "high"\n'
        + another("gone", condition='"stale"', **{"raise": ""})
        + another("rest", condition='"stuck"', **{"raise": '"2h"'})
        + another("up", condition='"rising"', over='"10min"', **{"raise": "0.5"})
        + another(
            "v", watch='"verdict:asset"', condition='"is"', verdicts='["NO DATA"]', receivers='["log"]', **{"raise": ""}
        )
        + '[[rules]]\nid = "both"\nasset_class = "pump"\nany = [{watch = "tag:pressure", raise = 9.0}, '
        + '{watch = "tag:flow", condition = "low", raise = 10.0}]\n'
    )
    rules = {r.id: r for r in load(tiny.write(tmp_path, rules_toml=text)).rules}
    there = rules["p-high"].on(tiny.OTHER)
    assert there is not None
    assert (there.raise_at, there.priority.value, there.is_latching) == (9.5, "high", True)
    assert rules["p-high"].on(tiny.PUMP) is rules["p-high"]
    assert [t.condition for t in rules["both"].all_terms] == [Condition.HIGH, Condition.LOW]
    assert rules["rest"].raise_at == 7200.0
    assert (rules["v"].verdicts, rules["v"].receivers) == (("NO DATA",), ("log",))
