"""The secret address of a calendar is in no log line, whatever the method, the status and the format."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.urls import include, path, reverse

from certificates.actions.calendar_feeds import create_calendar_feed
from portal.logs import HideSecrets, JsonFormatter, TextFormatter, hide_secrets
from tests.portal.test_logs import console, log_format
from tests.support.database.factories import make_namespace, make_user

__all__ = ["console", "log_format"]
BAD_SECRET = "bad-secret-0123456789"
METHODS = ["GET", "HEAD", "POST", "PROPFIND", "OPTIONS", "PUT", "DELETE"]
MESSAGES = [
    "Forbidden (CSRF cookie not set.): /namespaces/calendar/{}.ics",
    "Error handling request POST /namespaces/calendar/{}.ics?x=1",
    "Invalid HTTP request line: 'GET  /namespaces/calendar/{}.ics'",
    "Not Found: /namespaces//calendar//{}.ics/",
    "Not Found: /namespaces/calendar%2f{}.ics",
    "Not Found: /namespaces/calendar/with blanks and {}.ics",
    "<WSGIRequest: GET '/namespaces/calendar/{}.ics'>",
]


@login_not_required
def broken(request: HttpRequest, secret: str) -> HttpResponse:
    raise RuntimeError(f"Cannot read {request.path}: {secret is not None}")


urlpatterns = [path("namespaces/calendar/<str:secret>.ics", broken), path("", include("portal.urls"))]
handler500 = "portal.views.errors.server_error"


@pytest.fixture
def every_level() -> Iterator[None]:
    """Log everything that Django has to say, also what the product's settings leave out."""
    loggers = [logging.getLogger(name) for name in ("", "django", "django.request", "django.security.csrf")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def status_of(method: str, secret: str) -> int:
    browser = Browser(enforce_csrf_checks=True)
    url = reverse("certificates:expiry_feed", args=[secret])
    return int(browser.generic(method, url, data=b"<propfind/>", content_type="application/xml").status_code)


@pytest.fixture
def secret(db: None) -> str:
    user = make_user("ada")
    return create_calendar_feed(user, namespace=make_namespace(reader=user))


@pytest.mark.parametrize("method", METHODS)
def test_the_log_stays_empty(secret: str, method: str, console: io.StringIO) -> None:
    served = method in {"GET", "HEAD"}
    assert status_of(method, secret) == (200 if served else 405)
    assert status_of(method, BAD_SECRET) == (404 if served else 405)
    assert console.getvalue() == ""


@pytest.mark.parametrize("method", METHODS)
def test_no_line_has_the_secret_at_any_level(secret: str, method: str, console: io.StringIO, every_level: None) -> None:
    for each in (secret, BAD_SECRET):
        status_of(method, each)
    written = console.getvalue()
    assert "calendar/<str:secret>.ics" in written or (method in {"GET", "HEAD"} and "404" in written)
    assert secret not in written
    assert BAD_SECRET not in written


@pytest.mark.urls(__name__)
def test_an_error_on_the_page_does_not_log_the_secret(console: io.StringIO) -> None:
    answer = Browser(raise_request_exception=False).get(f"/namespaces/calendar/{BAD_SECRET}.ics?token={BAD_SECRET}")
    assert answer.status_code == 500
    assert "RuntimeError: Cannot read /namespaces/calendar/" in console.getvalue()
    assert BAD_SECRET not in console.getvalue()


@pytest.mark.urls(__name__)
def test_a_failed_csrf_check_logs_the_route(console: io.StringIO) -> None:
    answer = Browser(enforce_csrf_checks=True).post(f"/namespaces/calendar/{BAD_SECRET}.ics")
    assert answer.status_code == 403
    assert "namespaces/calendar/<str:secret>.ics" in console.getvalue()
    assert BAD_SECRET not in console.getvalue()


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("formatter", [TextFormatter("%(message)s"), JsonFormatter()], ids=["text", "json"])
def test_formatters_hide_an_address(formatter: logging.Formatter, message: str) -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s", (message.format(BAD_SECRET),), None)
    record.extra_path = f"/namespaces/calendar/{BAD_SECRET}.ics"
    line = formatter.format(record)
    assert "[hidden]" in line
    assert BAD_SECRET not in line
    if isinstance(formatter, JsonFormatter):
        assert json.loads(line)["level"] == "ERROR"


@pytest.mark.parametrize("message", MESSAGES)
def test_the_filter_hides_an_address_for_other_formatters(message: str) -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s", (message.format(BAD_SECRET),), None)
    assert HideSecrets().filter(record)
    assert BAD_SECRET not in record.getMessage()


@pytest.mark.parametrize("text", ["404: GET calendar/<str:secret>.ics", "The calendar address no longer works.", ""])
def test_other_text_is_unchanged(text: str) -> None:
    assert hide_secrets(text) == text
