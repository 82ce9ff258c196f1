"""Log lines, for people and for machines: errors are logged, secrets are not."""

import copy
import io
import json
import logging
import logging.config
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.urls import path

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


def test_only_the_first_line_of_an_exception_is_logged() -> None:
    row, key = "Failing row\nDETAIL: (pbkdf2_sha256$1000000)", "-----BEGIN PRIVATE KEY-----\nMIIE"
    try:
        try:
            raise ValueError(row)
        except ValueError as fault:
            raise KeyError(key) from fault
    except KeyError as fault:
        info = (KeyError, fault, fault.__traceback__)
    told = json.loads(JsonFormatter().format(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), info)))
    assert "Failing row" in told["fault"]
    for secret in ("pbkdf2", "PRIVATE KEY", "MIIE"):
        assert secret not in told["fault"]


# Errors on pages


@login_not_required
def broken(request: HttpRequest, pk: int, secret: str) -> HttpResponse:
    uploaded = request.POST["text"]
    raise RuntimeError(f"It took {len(uploaded)} letters.")


urlpatterns = [path("calendar/<int:pk>/<str:secret>.ics", broken)]
handler500 = "portal.views.errors.server_error"


@pytest.fixture(params=["text", "json"])
def log_format(request: pytest.FixtureRequest) -> str:
    format_name: str = request.param
    return format_name


@pytest.fixture
def console(log_format: str, settings: Any) -> Iterator[io.StringIO]:
    """What the product's own log configuration writes, in both formats."""
    before = {name: logging.getLogger(name).handlers[:] for name in ("", *settings.LOGGING["loggers"])}
    configured = copy.deepcopy(settings.LOGGING)
    written = io.StringIO()
    configured["handlers"]["console"] |= {"formatter": log_format, "stream": written}
    logging.config.dictConfig(configured)
    yield written
    for name, handlers in before.items():
        logging.getLogger(name).handlers[:] = handlers


@pytest.mark.urls(__name__)
def test_a_page_error_is_logged_once_with_its_request_id_and_no_secret(console: io.StringIO, log_format: str) -> None:
    browser = Browser(raise_request_exception=False)
    key = "-----BEGIN PRIVATE KEY-----"
    answer = browser.post(
        "/calendar/7/s3cret.ics?token=t0ken", {"text": key}, headers={"x-request-id": "from-the-proxy"}
    )
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == "from-the-proxy"
    assert "from-the-proxy" in answer.content.decode()
    told = console.getvalue()
    assert told.count("RuntimeError: It took 0 letters.") == 1  # the view did not get the key
    for known in ("from-the-proxy", "POST calendar/<int:pk>/<str:secret>.ics", "test_logs.py"):
        assert known in told
    for secret in ("s3cret", "t0ken", "PRIVATE KEY"):
        assert secret not in told
    assert told.startswith("{") is (log_format == "json")
    if log_format == "json":
        (line,) = told.splitlines()
        told_apart = json.loads(line)
        expected = {"request_id": "from-the-proxy", "status_code": 500, "numbers": {"pk": 7}, "user": None}
        assert {name: told_apart[name] for name in expected} == expected


@pytest.mark.urls(__name__)
def test_a_page_that_is_not_there_is_no_news(console: io.StringIO) -> None:
    assert Browser().get("/nowhere").status_code == 404
    assert console.getvalue() == ""


@pytest.mark.parametrize("given", ["short", "with space in it", "line\\nbreak-in-it", "x" * 65])
def test_a_request_id_that_cannot_stand_in_a_log_is_replaced(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", Browser().get("/healthz", headers={"x-request-id": given})["X-Request-ID"])
