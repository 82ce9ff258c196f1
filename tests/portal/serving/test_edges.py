"""The edges of the web: forms behind a proxy, odd headers, and headers of every answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client as Browser
from django.test import override_settings
from django.urls import reverse

from namespaces.authorization.group_queries import QueryError, parse_query
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_admin, make_namespace, make_user

pytestmark = pytest.mark.django_db

PROXY = "10.9.8.7"
ORIGIN = "https://portal.example"


def send_form(browser: Browser, peer: str = PROXY, **headers: str) -> int:
    """Send the theme form as a browser does that opened the portal under ORIGIN; return the status."""
    browser.get(reverse("portal:sign_in"), headers={"host": "portal.example"})
    token = browser.cookies["csrftoken"].value
    answer = browser.post(
        reverse("portal:theme"),
        {"theme": "dark", "csrfmiddlewaretoken": token},
        headers={"origin": ORIGIN, **{name.replace("_", "-"): value for name, value in headers.items()}},
        REMOTE_ADDR=peer,
    )
    return answer.status_code


@override_settings(ALLOWED_HOSTS=["portal.example"], TRUSTED_PROXIES=[PROXY])
def test_a_form_behind_a_trusted_proxy_is_accepted() -> None:
    forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "portal.example"}
    assert send_form(Browser(enforce_csrf_checks=True), host="10.0.0.5", **forwarded) == 302


@override_settings(ALLOWED_HOSTS=["portal.example", "10.0.0.5"], TRUSTED_PROXIES=[PROXY])
@pytest.mark.parametrize(
    ("peer", "headers", "hint"),
    [
        ("203.0.113.1", {"x_forwarded_proto": "https", "x_forwarded_host": "portal.example"}, "PORTAL_TRUSTED_PROXIES"),
        (PROXY, {"x_forwarded_host": "portal.example"}, "X-Forwarded-Proto"),
        (PROXY, {"x_forwarded_proto": "https"}, "X-Forwarded-Host"),
    ],
    ids=["not trusted", "no scheme", "no host"],
)
def test_the_refusal_names_the_header_to_administrators(peer: str, headers: dict[str, str], hint: str) -> None:
    for user, is_told in ((make_admin(), True), (make_user(), False)):
        browser = Browser(enforce_csrf_checks=True)
        browser.force_login(user)
        answer = browser.post(
            reverse("portal:theme"),
            {"theme": "dark"},
            headers={"host": "10.0.0.5", "origin": ORIGIN, **{n.replace("_", "-"): v for n, v in headers.items()}},
            REMOTE_ADDR=peer,
        )
        assert answer.status_code == 403
        assert (hint in answer.content.decode()) is is_told


@override_settings(ALLOWED_HOSTS=["portal.example"])
def test_a_form_of_another_site_gets_no_advice_about_proxies() -> None:
    browser = signed_in(make_admin())
    browser.handler.enforce_csrf_checks = True
    answer = browser.post(reverse("portal:theme"), headers={"host": "portal.example", "origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "X-Forwarded" not in answer.content.decode()


@pytest.mark.parametrize(
    "target", ["foo", "portal:home", "//evil.example", "https://evil.example", "/a\nb", "\x00", ""]
)
def test_the_way_back_is_no_error_and_stays_on_the_site(target: str) -> None:
    answer = Browser().post(reverse("portal:theme"), {"theme": "dark", "next": target})
    assert answer.status_code == 302
    assert "evil" not in answer.headers["Location"]


@pytest.mark.parametrize("address", ["http://[", "http://[::1", "//", "\x00"])
def test_a_malformed_address_of_the_page_is_no_error(address: str) -> None:
    answer = Browser().get(reverse("portal:sign_in"), headers={"hx-request": "true", "hx-current-url": address})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"].startswith(reverse("portal:sign_in"))


@pytest.mark.parametrize("digits", [18, 19, 20, 5000])
@pytest.mark.parametrize(
    ("name", "field", "status"),
    [("sync:drift_resolve", "finding", 302), ("sync:sync_retry", "row", 302), ("sync:sync_discard", "row", 302)],
)
def test_a_number_of_many_digits_names_no_row(name: str, field: str, status: int, digits: int) -> None:
    sent = {field: "9" * digits, "kind": "namespaces.client", "decision": "keep"}
    answer = signed_in(make_admin()).post(reverse(name, args=[make_namespace().pk]), sent)
    # A difference that could exist is looked up.
    assert answer.status_code == (404 if name == "sync:drift_resolve" and digits == 18 else status)


@pytest.mark.parametrize("query", ["attributes.a = " + "9" * 5000, "attributes.a IN [-" + "9" * 5000 + "]"])
def test_a_query_with_a_number_of_many_digits_is_an_error_in_the_query(query: str) -> None:
    answer = signed_in(make_admin()).get(
        reverse("namespaces:query_builder", args=[make_namespace().pk]), {"query": query}
    )
    assert answer.status_code == 200
    with pytest.raises(QueryError):
        parse_query(query)


def test_the_icon_is_found_at_its_traditional_address() -> None:
    answer = Browser().get("/favicon.ico")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(".svg")


def test_pages_are_neither_cached_nor_open_to_other_sites() -> None:
    answer = signed_in(make_user()).get(reverse("portal:account"))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]


@override_settings(SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=3600, TRUSTED_PROXIES=[PROXY], ALLOWED_HOSTS=["*"])
def test_http_is_led_to_https_except_for_probes() -> None:
    browser = Browser()
    answer = browser.get("/sign-in/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/sign-in/")
    assert browser.get("/healthz").status_code == 200
    over_tls = browser.get("/sign-in/", headers={"x-forwarded-proto": "https"}, REMOTE_ADDR=PROXY)
    assert over_tls.status_code == 200
    assert over_tls.headers["Strict-Transport-Security"] == "max-age=3600"


COOKIES = """
from django.conf import settings
print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.THEME_COOKIE_NAME, settings.DEVICE_COOKIE_NAME)
"""


@pytest.mark.parametrize(("https", "prefix"), [("true", "__Host-"), ("false", "")])
def test_cookies_are_kept_to_this_host_over_https(https: str, prefix: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_HTTPS": https,
        "PORTAL_SECRET_KEY": "k" * 50,
        "PORTAL_STATE_DIR": str(tmp_path),
    }
    run = subprocess.run(
        [sys.executable, "-c", COOKIES],
        cwd=django_settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [f"{prefix}{name}" for name in ("sessionid", "csrftoken", "theme", "known_device")]
