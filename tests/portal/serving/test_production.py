"""What a browser and a proxy see of the portal in production: gunicorn with deploy/gunicorn.conf.py and PORTAL_HTTPS."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.portal.serving.production_server import HOST, ROOT, ProductionServer, production_server

OVER_TLS = "X-Forwarded-Proto: https"
SECRET = "s3cret-of-a-calendar"
ICON = "/static/portal/icon.svg"
CALENDAR = f"/namespaces/calendar/{SECRET}.ics"


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    folder = tmp_path_factory.mktemp("behind-proxy")
    with production_server(folder, PORTAL_HTTPS="true", PORTAL_TRUSTED_PROXIES="127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    """A server that clients reach without a proxy, as far as its settings say."""
    with production_server(tmp_path_factory.mktemp("open-to-all"), PORTAL_HTTPS="true") as server:
        yield server


def test_http_is_redirected_and_sends_no_hsts(behind_proxy: ProductionServer) -> None:
    status, headers, _ = behind_proxy.request("GET", "/sign-in/?next=/account/")
    assert (status, headers["location"]) == (301, f"https://{HOST}/sign-in/?next=/account/")
    assert "strict-transport-security" not in headers


def test_https_pages_have_every_security_header(behind_proxy: ProductionServer) -> None:
    status, headers, _ = behind_proxy.request("GET", "/sign-in/", OVER_TLS)
    assert status == 200
    assert headers["strict-transport-security"] == "max-age=3600"
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert {"private", "no-store"} <= {each.strip() for each in headers["cache-control"].split(",")}
    assert "Secure" in headers["set-cookie"]


def test_other_origins_may_not_read_static_files(behind_proxy: ProductionServer) -> None:
    status, headers, body = behind_proxy.request("GET", ICON, OVER_TLS, "Origin: https://evil.example")
    assert (status, headers["content-type"]) == (200, "image/svg+xml")
    assert body
    assert "access-control-allow-origin" not in headers
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/nowhere/", CALENDAR, "/account/", "/favicon.ico"], ids=lambda path: path[:12])
def test_errors_and_redirects_have_them_too(behind_proxy: ProductionServer, path: str) -> None:
    status, headers, _ = behind_proxy.request("GET", path, OVER_TLS)
    assert status in {302, 404, 500}
    assert headers["strict-transport-security"] == "max-age=3600"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "spoofed",
    [
        [OVER_TLS],
        ["X-Forwarded-Proto: https", f"X-Forwarded-Host: {HOST}", "X-Forwarded-For: 127.0.0.1"],
        ["X-Forwarded-Protocol: ssl", "X-Forwarded-Ssl: on"],
        [f"Forwarded: proto=https;host={HOST};for=127.0.0.1"],
        ["X_Forwarded_Proto: https"],
    ],
    ids=["proto", "all", "gunicorn's own", "forwarded", "underscores"],
)
def test_spoofed_headers_of_a_client_are_not_believed(open_to_all: ProductionServer, spoofed: list[str]) -> None:
    status, headers, _ = open_to_all.request("GET", "/sign-in/", *spoofed)
    assert (status, headers["location"]) == (301, f"https://{HOST}/sign-in/")
    assert "strict-transport-security" not in headers


def test_a_spoofed_host_is_neither_believed_nor_used_in_a_redirect(open_to_all: ProductionServer) -> None:
    _, headers, _ = open_to_all.request("GET", "/sign-in/", "X-Forwarded-Host: evil.example")
    assert headers["location"] == f"https://{HOST}/sign-in/"
    status, headers, _ = open_to_all.request("GET", "/sign-in/", host="evil.example")
    assert status == 400
    assert "location" not in headers


def test_probes_need_no_tls(open_to_all: ProductionServer) -> None:
    assert open_to_all.request("GET", "/healthz")[0] == 200


def test_head_sends_the_length_and_no_body(behind_proxy: ProductionServer) -> None:
    before = behind_proxy.log()
    for path in ("/healthz", "/sign-in/", ICON, "/nowhere/"):
        expected, of_get, body = behind_proxy.request("GET", path, OVER_TLS)
        status, of_head, nothing = behind_proxy.request("HEAD", path, OVER_TLS)
        assert (status, nothing) == (expected, b"")
        assert of_head["content-length"] == of_get["content-length"] == str(len(body))
    assert behind_proxy.log() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PROPFIND", "OPTIONS"])
@pytest.mark.parametrize("headers", [[], [OVER_TLS]], ids=["http", "https"])
def test_the_log_has_no_calendar_address(behind_proxy: ProductionServer, method: str, headers: list[str]) -> None:
    status, _, _ = behind_proxy.request(method, CALENDAR, *headers)
    fails = method in {"GET", "HEAD"}  # there is no table
    assert status == (301 if not headers else 500 if fails else 405)
    assert SECRET not in behind_proxy.log()


@pytest.mark.parametrize(
    "data",
    [
        f"GET  {CALENDAR}\r\n\r\n",
        f"GET {CALENDAR} HTTP/9.9\r\n\r\n",
        f"G(T {CALENDAR} HTTP/1.1\r\n\r\n",
        f"GET {CALENDAR}?{'x' * 9000} HTTP/1.1\r\n\r\n",
        f"GET {CALENDAR} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nReferer {CALENDAR}\r\n\r\n",
        f"POST {CALENDAR} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked, gzip\r\n\r\nzz",
    ],
    ids=["no version", "version", "method", "too long", "host", "header", "coding"],
)
def test_lines_about_bad_requests_have_no_calendar_address(behind_proxy: ProductionServer, data: str) -> None:
    before = len(behind_proxy.log())
    assert behind_proxy.exchange(data.encode()).split()[1] in {b"400", b"405", b"414", b"501"}
    added = behind_proxy.log()[before:]
    assert len(added.splitlines()) == 1
    assert SECRET not in added


@pytest.mark.parametrize(("given", "expected"), [("", "3600"), ("31536000", "31536000"), ("0", "0")])
def test_hsts_lasts_one_hour_or_as_long_as_the_setting_says(given: str, expected: str) -> None:
    code = "import portal.settings as s; print(s.SECURE_HSTS_SECONDS, getattr(s, 'SECURE_HSTS_PRELOAD', False))"
    environment = {"PATH": os.environ["PATH"], "PORTAL_SECRET_KEY": "x" * 50, "PORTAL_HTTPS": "true"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | {"PORTAL_HSTS_SECONDS": given}, capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == [expected, "False"]
