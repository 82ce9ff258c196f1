"""Password reset and e-mail addresses by mail, without revealing which accounts exist."""

import re
from email.message import Message
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse

from portal.logs import hide_secrets
from portal.models import Activity, OutgoingMail, User
from portal.notifications.sending import send_due
from portal.sign_in import records
from portal.sign_in.mail import RESET_ASKED, queue_password_reset
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NEW = "a new and long enough sentence"
SITE = "http://testserver/"


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL_CONFIGURED = settings.ACCOUNT_EMAIL_NOTIFICATIONS = True


@pytest.fixture
def ada() -> User:
    return make_user("ada", email="ada@example.com")


def work() -> None:
    """Do what a worker does with the outbox."""
    send_due()


def waiting() -> list[str]:
    """Return what waits in the outbox."""
    return list(OutgoingMail.objects.order_by("pk").values_list("purpose", flat=True))


def link() -> str:
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def reset_link(email: str = "ada@example.com") -> str:
    ask_for_reset(email)
    return link()


def ask_for_reset(email: str = "ada@example.com") -> None:
    queue_password_reset(email, SITE)
    work()


def open_link(browser: Browser, url: str) -> Any:
    answer = browser.get(url)
    return browser.get(answer.headers["Location"]) if answer.status_code == 302 else answer


# Password reset


def test_a_reset_looks_the_same_for_every_address(ada: User) -> None:
    answers = [
        Browser().post(reverse("account_reset_password"), {"email": each})
        for each in ("ADA@example.com", "no@example.com")
    ]
    assert {answer.headers["Location"] for answer in answers} == {reverse("account_reset_password_done")}
    assert waiting() == [RESET_ASKED] * 2
    work()
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_a_link_sets_the_password_once_and_ends_all_sessions(ada: User) -> None:
    at_work, browser = Browser(), Browser()
    sign_in("ada", browser=at_work)
    url = reset_link()
    page = open_link(browser, url)
    token = url.rstrip("/").rpartition("/")[2]
    assert token not in page.content.decode(), "the page sends no token to others, neither by its address"
    assert token not in page.request["PATH_INFO"]
    weak = browser.post(page.request["PATH_INFO"], {"password1": "aaaaaaaaaaaa", "password2": "aaaaaaaaaaaa"})
    assert weak.status_code == 422
    assert 'data-code="password_repeats"' in weak.content.decode()
    done = browser.post(page.request["PATH_INFO"], {"password1": NEW, "password2": NEW})
    assert done.headers["Location"] == reverse("account_reset_password_from_key_done")
    assert at_work.get(reverse("portal:account")).status_code == 302
    assert browser.get(reverse("portal:account")).status_code == 302, "a link signs nobody in"
    assert sign_in("ada", NEW).status_code == 302
    assert open_link(Browser(), url).status_code == 422, "it was used"
    assert Activity.objects.filter(verb="Reset password", object_pk=ada.pk).count() == 1


@pytest.mark.parametrize("change", ["tampered", "other user", "expired", "new address"])
def test_a_link_that_does_not_hold_is_refused(ada: User, settings: Any, change: str) -> None:
    url = reset_link()
    if change == "tampered":
        url = url[:-3] + ("aa/" if url[-3:] != "aa/" else "bb/")
    elif change == "other user":
        bob = make_user("bob")
        url = re.sub(r"/reset/\w+/", f"/reset/{bob.pk}/", url)
    elif change == "expired":
        settings.PASSWORD_RESET_TIMEOUT = -1
    else:
        EmailAddress.objects.create(user=ada, email="new@example.com", verified=True)
    answer = open_link(Browser(), url)
    assert answer.status_code == 422
    assert 'data-code="link-refused"' in answer.content.decode()
    assert records.counts()["reset_link_refused"] == 1
    entry = Activity.objects.get(verb="Refuse link")
    assert (entry.object_name, entry.after["reason"]) == ("bob" if change == "other user" else "ada", "reset-not-valid")
    assert url.rstrip("/").rpartition("/")[2] not in str(Activity.objects.values())
    open_link(Browser(), url)
    assert Activity.objects.filter(verb="Refuse link").count() == 1, "once in a minute"


@pytest.mark.parametrize("path", ["/sign-in/reset/zzzzzzzzzzzz/1-secret/", "/sign-in/reset/0/1-secret/"])
def test_a_link_of_no_account_is_recorded_without_a_name(path: str) -> None:
    assert Browser().get(path).status_code == 422
    entry = Activity.objects.get(verb="Refuse link")
    assert (entry.object_name, entry.object_pk) == (records.UNKNOWN_LINK, None)


@pytest.mark.parametrize("state", ["disabled", "without password", "local accounts off"])
def test_no_link_is_sent_to_those_who_may_use_no_password(ada: User, settings: Any, state: str) -> None:
    if state == "disabled":
        User.objects.update(is_active=False)
    elif state == "without password":
        ada.set_unusable_password()
        ada.save()
    else:
        settings.LOCAL_ACCOUNTS = False
    ask_for_reset()
    assert not mail.outbox


def test_an_unverified_address_does_not_take_over_a_verified_one(ada: User) -> None:
    """django-allauth before 65.x preferred none of them."""
    mallory = make_user("mallory")
    EmailAddress.objects.create(user=ada, email="ada@example.com", verified=True, primary=True)
    EmailAddress.objects.create(user=mallory, email="ada@example.com", verified=False)
    ask_for_reset()
    assert [f"account {ada.username}" in str(message.body) for message in mail.outbox] == [True]


def test_a_similar_address_is_not_the_same(ada: User) -> None:
    """Django CVE-2019-19844: an address that only looks the same gets no link."""
    for similar in ("ada@exaмple.com", "ada@example.cοm", "ada@examplе.com"):
        ask_for_reset(similar)
    assert not mail.outbox


def test_a_foreign_host_makes_no_links(ada: User) -> None:
    form = {"email": "ada@example.com"}
    answer = Browser().post(reverse("account_reset_password"), form, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert not waiting()


def test_asking_again_and_again_is_limited(ada: User) -> None:
    form = {"email": "ada@example.com"}
    answers = [Browser().post(reverse("account_reset_password"), form).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]
    assert len(waiting()) == 5


def test_without_a_broker_nothing_is_lost(ada: User) -> None:
    """The row is the queue: a worker finds it although nothing announced it."""
    for email in ("ada@example.com", "no@example.com"):
        answer = Browser().post(reverse("account_reset_password"), {"email": email})
        assert answer.headers["Location"] == reverse("account_reset_password_done")
    work()
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_without_a_mail_server_the_page_names_the_way(ada: User, settings: Any) -> None:
    settings.MAIL_CONFIGURED = False
    page = Browser().get(reverse("account_reset_password")).content.decode()
    assert 'data-code="no-mail"' in page
    assert 'name="email"' not in page


def test_links_are_in_no_log_line() -> None:
    for path in (
        "/sign-in/reset/1/abc-secret/",
        "/sign-in/link/abc-secret/",
        "/account/email/verify/secret:key/",
        "/sign-in/reset%2F1%2Fsecret/",
    ):
        assert "secret" not in hide_secrets(f'Not Found: "{path}"')
    assert hide_secrets("/sign-in/reset/sent/") == "/sign-in/reset/sent/"


# E-mail addresses


@pytest.fixture
def at_home(ada: User) -> Browser:
    browser = Browser()
    browser.force_login(ada)
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return browser


def add(browser: Browser, email: str = "new@example.com") -> Any:
    return browser.post(reverse("account_email"), {"email": email, "action_add": ""})


def test_an_address_is_verified_by_its_link_and_a_button(at_home: Browser, ada: User) -> None:
    assert add(at_home).status_code == 302
    work()
    assert mail.outbox[-1].to == ["new@example.com"]
    url = link()
    anyone = Browser()
    page = anyone.get(url)
    assert page.status_code == 200
    assert not EmailAddress.objects.get(email="new@example.com").verified, "opening the link is not enough"
    assert anyone.post(url).status_code == 302
    assert EmailAddress.objects.get(email="new@example.com").verified
    assert anyone.get(reverse("portal:account")).status_code == 302, "it signs nobody in"
    assert Activity.objects.filter(verb="Verify e-mail address", object_pk=ada.pk).exists()


@pytest.mark.parametrize("change", ["tampered", "expired", "used"])
def test_a_link_to_verify_that_does_not_hold_is_refused(at_home: Browser, settings: Any, change: str) -> None:
    add(at_home)
    work()
    url = link()
    if change == "tampered":
        url = url.replace("verify/", "verify/x")
    elif change == "expired":
        settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = -1
    else:
        Browser().post(url)
    for answer in (Browser().get(url), Browser().post(url)):
        assert answer.status_code == 422
        assert 'data-code="link-refused"' in answer.content.decode()
    assert Activity.objects.get(verb="Refuse link").after["reason"] == "verify-not-valid"
    assert EmailAddress.objects.filter(email="new@example.com", verified=True).exists() == (change == "used")


def test_the_link_of_another_account_signs_nobody_out(at_home: Browser) -> None:
    add(at_home)
    work()
    make_user("bob")
    bob = Browser()
    sign_in("bob", browser=bob)
    bob.get(link())
    assert bob.get(reverse("portal:account")).status_code == 200


def test_adding_an_address_asks_who_one_is(ada: User) -> None:
    stolen = Browser()
    stolen.force_login(ada)
    answer = add(stolen)
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not EmailAddress.objects.filter(email="new@example.com").exists()


def test_an_address_of_another_account_is_accepted_and_never_verified(at_home: Browser) -> None:
    bob = make_user("bob", email="bob@example.com")
    EmailAddress.objects.create(user=bob, email="bob@example.com", verified=True, primary=True)
    assert add(at_home, "bob@example.com").status_code == 302, "the page does not reveal that it is taken"
    work()
    page = Browser().get(link())
    assert 'data-code="link-refused"' in page.content.decode()


def test_removing_an_address_is_recorded_and_reported(at_home: Browser, ada: User) -> None:
    EmailAddress.objects.update_or_create(
        user=ada, email="ada@example.com", defaults={"verified": True, "primary": True}
    )
    EmailAddress.objects.create(user=ada, email="old@example.com", verified=True)
    at_home.post(reverse("account_email"), {"email": "old@example.com", "action_remove": ""})
    assert not EmailAddress.objects.filter(email="old@example.com").exists()
    assert Activity.objects.filter(verb="Remove e-mail address", actor=ada).count() == 1
    work()
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["ada@example.com"], "[MQTT Namespace Portal] An e-mail address was removed")
    ]


def test_a_changed_password_is_reported_by_mail(at_home: Browser, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email="ada@example.com", verified=True, primary=True)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    at_home.post(reverse("portal:password_change"), form, headers={"user-agent": "Test/1.0"})
    work()
    text = str(mail.outbox[-1].body)
    assert "Browser: Test/1.0" in text
    assert "Address: 127.0.0.1" in text
    assert NEW not in text


def test_a_link_is_in_text_and_html_and_a_name_adds_no_markup(ada: User) -> None:
    User.objects.update(username="<b>ada</b>")
    url = reset_link()
    html = str(mail.outbox[-1].alternatives[0][0])  # type: ignore[union-attr]
    assert f'href="http://testserver{url}"' in html
    assert "<b>" not in html


def test_a_mail_cannot_be_given_headers_by_a_name(ada: User) -> None:
    User.objects.update(username="ada\r\nBcc: x@example.com")
    ask_for_reset()
    message: Message = mail.outbox[-1].message()
    assert message["Bcc"] is None
