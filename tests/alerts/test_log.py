"""The log notifier: one line per message, whatever the text holds."""

from __future__ import annotations

import json
import logging

import pytest

from alerts.log import LogNotifier
from domain.alerting import Message


def test_message_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "forewarn.alert")
    LogNotifier().send(Message("id1:0:log", "log", "id1", json.dumps({"text": "hot: a\r\nSince 10:00"})))
    assert caplog.messages == ["alert key=id1:0:log hot: a  | Since 10:00"]
