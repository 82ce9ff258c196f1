"""Log lines that machines read."""

import json
import logging

from portal.logs import JsonFormatter


def test_a_line_is_one_json_object_with_what_the_caller_added() -> None:
    record = logging.LogRecord("sync.push", logging.INFO, __file__, 1, "%s: %s", ("sensor-1", "line\nbreak"), None)
    record.request_id = "abc"
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["request_id"], told["level"]) == ("sensor-1: line\nbreak", "abc", "INFO")


def test_a_fault_stands_in_the_same_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as fault:
        info = (ValueError, fault, fault.__traceback__)
    record = logging.LogRecord("sync", logging.ERROR, __file__, 1, "it failed", (), info)
    assert "ValueError: broken" in json.loads(JsonFormatter().format(record))["fault"]
