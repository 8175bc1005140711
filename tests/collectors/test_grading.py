"""What sources say of quality: words, OPC codes, device states; unknown is uncertain."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.grading import Codes, grade, is_historian_text
from domain.points import Quality

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


@pytest.mark.parametrize(
    ("stated", "codes", "expected"),
    [
        (None, "opc-ua", GOOD),
        ("Good", "opc-ua", GOOD),
        ("UNCERTAIN", "opc-ua", UNCERTAIN),
        ("bad", "opc-ua", BAD),
        ("GoodClamped", "opc-ua", GOOD),
        ("BadSensorFailure", "opc-ua", BAD),
        ("UncertainLastUsableValue", "opc-ua", UNCERTAIN),
        ("Failure", "opc-ua", BAD),
        ("Out of specification", "opc-ua", UNCERTAIN),
        ("Maintenance required", "opc-ua", GOOD),
        (True, "opc-ua", GOOD),
        (False, "opc-ua", BAD),
        (0, "opc-ua", GOOD),
        (0x40900000, "opc-ua", UNCERTAIN),
        ("0x40900000", "opc-ua", UNCERTAIN),
        (0x80000000, "opc-ua", BAD),
        (0xC0000000, "opc-ua", BAD),
        (192, "opc-ua", UNCERTAIN),
        (-1, "opc-ua", UNCERTAIN),
        (2**40, "opc-ua", UNCERTAIN),
        (192, "opc-da", GOOD),
        ("216", "opc-da", GOOD),
        (64, "opc-da", UNCERTAIN),
        (0, "opc-da", BAD),
        (24, "opc-da", BAD),
        (2**20, "opc-da", UNCERTAIN),
        ("whatever", "opc-ua", UNCERTAIN),
        ("", "opc-ua", UNCERTAIN),
        (1.5, "opc-ua", UNCERTAIN),
        (192.0, "opc-da", GOOD),
        (0.0, "opc-da", BAD),
        (float("nan"), "opc-da", UNCERTAIN),
        ([], "opc-ua", UNCERTAIN),
        ({"q": 1}, "opc-da", UNCERTAIN),
    ],
)
def test_stated_quality(stated: Any, codes: Codes, expected: Quality) -> None:
    assert grade(stated, codes) is expected


@pytest.mark.parametrize("text", ["Bad", "I/O Timeout", "Configure", "-", "#N/A", "****", " bad "])
def test_historian_texts(text: str) -> None:
    assert is_historian_text(text)


@pytest.mark.parametrize("text", ["", "12", "badly", "*"])
def test_other_texts(text: str) -> None:
    assert not is_historian_text(text)
