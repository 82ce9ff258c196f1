"""Sessions end when they are not used, after a while, everywhere at once, and one by one."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from portal.models import Activity, User
from portal.sign_in.session_limits import POLLING_ELEMENTS
from portal.sign_in.sessions import browser_name
from portal.tasks import tidy_sign_ins
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
TEMPLATES = Path(django_settings.BASE_DIR) / "templates"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def signed_in(username: str = "ada", user_agent: str = FIREFOX, address: str = "192.0.2.1") -> Browser:
    browser = Browser(headers={"user-agent": user_agent}, REMOTE_ADDR=address)
    assert sign_in(username, browser=browser, address=address).status_code == 302
    return browser


def is_signed_in(browser: Browser) -> bool:
    return bool(browser.get(reverse("portal:account")).status_code == 200)


def move(browser: Browser, **seconds_ago: float) -> None:
    """Change when the session began and was last used."""
    session = browser.session
    for name, ago in seconds_ago.items():
        session[name] -= ago
    session.save()


def test_a_session_ends_without_use(ada: User, settings: Any) -> None:
    browser = signed_in()
    move(browser, seen_at=settings.SESSION_IDLE_SECONDS - 60)
    assert is_signed_in(browser)
    move(browser, seen_at=settings.SESSION_IDLE_SECONDS + 1)
    assert not is_signed_in(browser)


def test_a_used_session_ends_a_while_after_signing_in(ada: User, settings: Any) -> None:
    browser = signed_in()
    move(browser, signed_in_at=settings.SESSION_LONGEST_SECONDS - 60)
    assert is_signed_in(browser)
    move(browser, signed_in_at=120)
    assert not is_signed_in(browser)


def test_a_page_that_polls_does_not_keep_its_session(ada: User) -> None:
    browser = signed_in()
    move(browser, seen_at=3600)
    before = browser.session["seen_at"]
    for element in sorted(POLLING_ELEMENTS):
        browser.get(reverse("portal:bell"), headers={"hx-request": "true", "hx-trigger": element})
    assert browser.session["seen_at"] == before
    browser.get(reverse("portal:notifications"), headers={"hx-request": "true", "hx-trigger": "link"})
    assert browser.session["seen_at"] > before


def test_every_element_that_polls_is_known() -> None:
    """Find the elements that htmx lets ask without their user, by `every`, `load` or an event of the page."""
    found = set()
    shared = (TEMPLATES / "components/live_polling.html").read_text().split("#}")[-1]
    for path in TEMPLATES.rglob("*.html"):
        for tag in re.findall(
            r"<\w+[^<>]*?(?:\{%.*?%\}[^<>]*?)*hx-trigger=\"[^\"]*(?:every |load delay|from:body)[^\"]*\"",
            re.sub(r'\{% include "components/live_polling.html".*?%\}', shared, path.read_text()),
        ):
            name = re.search(r"\sid=\"([^\"]+)\"", tag)
            if "hx-post" not in tag or "every " in tag:
                found.add(name[1] if name else f"{path.name}: an element without id")
    for path in (TEMPLATES.parent / "static/portal").glob("*.js"):  # those that a script asks for
        found |= set(re.findall(r'"HX-Trigger": "([\w-]+)"', path.read_text()))
    assert found == POLLING_ELEMENTS


def test_a_session_is_written_once_a_minute(ada: User) -> None:
    browser = signed_in()
    move(browser, seen_at=30)
    before = Session.objects.get(pk=browser.session.session_key).session_data
    browser.get(reverse("portal:account"))
    assert Session.objects.get(pk=browser.session.session_key).session_data == before
    move(browser, seen_at=31)
    browser.get(reverse("portal:account"), REMOTE_ADDR="192.0.2.44")
    assert UserSession.objects.get().ip == "192.0.2.44"


def test_the_list_has_the_open_sessions_of_the_user(ada: User) -> None:
    make_user("bob")
    here, phone = signed_in(), signed_in(user_agent="Mozilla/5.0 (iPhone; x) Safari/604.1", address="2001:db8::7")
    signed_in("bob", address="203.0.113.99")
    page = here.get(reverse("portal:sessions")).content.decode()
    assert page.count("data-session=") == 2
    assert page.count("data-current") == 1
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "2001:db8::7" in page
    assert "203.0.113.99" not in page
    assert str(phone.session.session_key) not in page


def test_one_session_is_ended_from_another(ada: User) -> None:
    here, lost = signed_in(), signed_in(address="192.0.2.50")
    row = UserSession.objects.get(session_key=lost.session.session_key)
    here.post(reverse("portal:session_end", args=[row.pk]))
    assert not is_signed_in(lost)
    assert is_signed_in(here)
    assert Activity.objects.filter(verb="End session", object_pk=ada.pk).count() == 1


def test_a_session_of_another_user_is_not_ended(ada: User) -> None:
    make_user("bob")
    mine, other = signed_in(), signed_in("bob")
    row = UserSession.objects.get(session_key=other.session.session_key)
    assert mine.post(reverse("portal:session_end", args=[row.pk])).status_code == 302
    assert is_signed_in(other)


def test_signing_out_everywhere_ends_every_session(ada: User) -> None:
    here, there, unlisted = signed_in(), signed_in(), signed_in()
    UserSession.objects.filter(session_key=unlisted.session.session_key).delete()
    bystander = make_user("bob")
    other = signed_in("bob")
    here.post(reverse("portal:sign_out_everywhere"))
    assert not any(is_signed_in(each) for each in (here, there, unlisted))
    assert is_signed_in(other)
    assert is_signed_in(signed_in()), "one signs in again"
    assert Activity.objects.filter(verb="Sign out everywhere", actor=ada).exists()
    assert not Activity.objects.filter(verb="Sign out everywhere", actor=bystander).exists()


def test_a_new_password_ends_the_other_sessions(ada: User) -> None:
    here, there = signed_in(), signed_in()
    new = "a new and long enough sentence"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post(reverse("portal:password_change"), form).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert here.get(reverse("portal:sessions")).content.decode().count("data-session=") == 1
    assert Activity.objects.filter(verb="Change password", actor=ada).exists()


def test_a_disabled_user_is_signed_out_at_once(ada: User) -> None:
    browser = signed_in()
    User.objects.update(is_active=False)
    assert not is_signed_in(browser)


def test_a_key_that_was_replaced_keeps_sessions(ada: User, settings: Any) -> None:
    ada.sessions_ended_at = timezone.now() - timedelta(days=1)
    ada.save()
    browser = signed_in()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "y" * 40
    assert is_signed_in(browser)


def test_expired_sessions_are_deleted(ada: User) -> None:
    open_one, expired = signed_in(), signed_in()
    Session.objects.filter(pk=expired.session.session_key).update(expire_date=timezone.now() - timedelta(minutes=1))
    tidy_sign_ins()
    assert [row.session_key for row in UserSession.objects.all()] == [open_one.session.session_key]
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari on macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named(sent: str, shown: str) -> None:
    assert browser_name(sent) == shown
