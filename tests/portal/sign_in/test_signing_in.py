"""Signing in through the page: hashes, redirects, sessions, and what the activity log and the metrics show."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, identify_hasher
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from portal.activity import SESSIONS
from portal.models import Activity, FailedSignIns, User
from portal.sign_in import records
from portal.sign_in.password_rules import RepetitionValidator
from portal.tasks import tidy_sign_ins
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import PASSWORD, make_admin, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def log() -> list[Activity]:
    return list(Activity.objects.filter(kind=SESSIONS).order_by("pk"))


# Passwords


def test_an_old_hash_becomes_argon2_at_sign_in(ada: User, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [
        "portal.sign_in.hashing.Argon2Hasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    ada.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=10)
    ada.save()
    assert sign_in("ada").status_code == 302
    ada.refresh_from_db()
    assert ada.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert not identify_hasher(ada.password).must_update(ada.password)
    assert sign_in("ada").status_code == 302


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("aaaaaaaaaaaa", "password_repeats"),
        ("abcabcabcabc", "password_repeats"),
        ("Test12Test12Test12", "password_repeats"),
        ("abababcbcbcb", "password_repeats"),
        ("abcdefghijkl", "password_sequence"),
        ("zyxwvutsrqponm", "password_sequence"),
        ("qwertzuiopas", "password_sequence"),
        ("1234567890ab", "password_sequence"),
    ],
)
def test_long_passwords_that_are_obvious_are_refused(password: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RepetitionValidator().validate(password)
    assert caught.value.code == code


@pytest.mark.parametrize("password", [PASSWORD, "k7fm-2xpq-9tvz-h4wn", "Tr0ub4dor&3xkcd", "ein langer Satz mit Sinn"])
def test_other_long_passwords_are_accepted(password: str) -> None:
    RepetitionValidator().validate(password)


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("short", "password_too_short"),
        ("ada.lovelace", "password_too_similar"),
        ("831274650917", "password_entirely_numeric"),
        ("aaaaaaaaaaaa", "password_repeats"),
        ("megaparol12345", "password_too_common"),
    ],
)
def test_a_new_password_must_not_be_obvious(client: Browser, new: str, code: str) -> None:
    client.force_login(make_user("ada.lovelace"))
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    page = client.post(reverse("portal:password_change"), form)
    assert page.status_code == 422
    assert code in [error.code for error in page.context["form"].errors.as_data()["new_password2"]]


# Signing in


def test_a_missing_account_and_a_wrong_password_look_the_same(ada: User) -> None:
    wrong, missing = sign_in("ada", "wrong"), sign_in("nobody", "wrong")
    assert (wrong.status_code, missing.status_code) == (422, 422)
    assert wrong.content.decode().count("sign-in-failed") == missing.content.decode().count("sign-in-failed") == 1


def test_a_disabled_account_looks_like_a_wrong_password(ada: User) -> None:
    User.objects.update(is_active=False)
    answer = sign_in("ada")
    assert answer.status_code == 422
    assert 'data-code="sign-in-failed"' in answer.content.decode()


def test_a_user_name_is_spelled_as_it_was_created(ada: User) -> None:
    assert sign_in("ADA").status_code == 422


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\t//evil.example",
    ],
)
def test_a_redirect_never_leaves_the_site(ada: User, settings: Any, elsewhere: str) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://evil.example"]
    assert sign_in("ada", next=elsewhere).headers["Location"] == "/"
    browser = Browser()
    sign_in("ada", browser=browser)
    asked = browser.get(reverse("portal:sign_in"), {"next": elsewhere})
    assert asked.headers["Location"] == "/", "nor when one is signed in already"


def test_the_session_is_new_after_signing_in(ada: User) -> None:
    browser = Browser()
    browser.get(reverse("portal:sign_in"))
    session = browser.session
    session["fixed"] = True
    session.save()
    browser.cookies["sessionid"] = before = str(session.session_key)
    sign_in("ada", browser=browser)
    assert browser.cookies["sessionid"].value != before
    stolen = Browser()
    stolen.cookies["sessionid"] = before
    assert stolen.get(reverse("portal:account")).status_code == 302


@pytest.mark.parametrize(
    "path",
    ["/accounts/signup/", "/signup/", "/accounts/login/", "/accounts/social/connections/", "/accounts/3rdparty/"],
)
def test_pages_of_allauth_that_are_not_used_do_not_exist(path: str) -> None:
    browser = Browser()
    browser.force_login(make_admin())
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("name", ["account_signup", "account_inactive", "account_set_password", "mfa_list_webauthn"])
def test_names_of_allauth_that_are_not_used_lead_nowhere(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_an_answer_is_never_json(ada: User) -> None:
    headers = {"accept": "application/json", "x-requested-with": "XMLHttpRequest"}
    form = {"username": "ada", "password": "wrong"}
    answer = Browser().post(reverse("portal:sign_in"), form, headers=headers)
    assert answer.headers["Content-Type"].startswith("text/html")


def test_local_accounts_are_off_for_all_but_break_glass_administrators(ada: User, settings: Any) -> None:
    browser = Browser()
    sign_in("ada", browser=browser)
    User.objects.create_superuser("emergency", password=PASSWORD, break_glass=True)
    settings.LOCAL_ACCOUNTS = False
    assert sign_in("ada").status_code == 422
    assert browser.get(reverse("portal:account")).status_code == 302, "the session has ended"
    assert sign_in("emergency").status_code == 302


# Records


def test_signing_in_and_out_is_recorded_with_the_address(ada: User) -> None:
    browser = Browser(headers={"user-agent": "Test/1.0"})
    sign_in("ada", browser=browser, address="192.0.2.9")
    browser.post(reverse("portal:sign_out"), REMOTE_ADDR="192.0.2.10")
    entries = log()
    assert [(entry.verb, entry.actor_name, entry.object_pk) for entry in entries] == [
        ("Sign in", "ada", ada.pk),
        ("Sign out", "ada", ada.pk),
    ]
    assert entries[0].after == {"address": "192.0.2.9", "browser": "Test/1.0"}
    assert entries[1].after["address"] == "192.0.2.10"


def test_failures_are_one_entry_for_account_address_and_minute(ada: User) -> None:
    for _ in range(7):
        sign_in("ada", "wrong", address="192.0.2.9")
    sign_in("ada", "wrong", address="192.0.2.8")
    sign_in("my-password-by-mistake", "wrong")
    records.record_failures(datetime(2026, 1, 1, 12, 1, tzinfo=UTC))
    assert not log(), "the minute is not over"
    tidy_sign_ins()
    tidy_sign_ins()
    entries = log()
    assert [(entry.object_name, entry.object_pk, entry.actor) for entry in entries] == [
        ("ada", ada.pk, None),
        ("ada", ada.pk, None),
        (records.UNKNOWN_ACCOUNT, None, None),
    ]
    first = {
        "address": "192.0.2.9",
        "minute": "2026-01-01T12:00:00+00:00",
        "count": 7,
        "wrong_codes": 0,
        "refused_by_limit": 2,
    }
    assert entries[0].after == first
    assert "my-password-by-mistake" not in str([vars(entry) for entry in entries])
    assert not FailedSignIns.objects.exists()


def test_what_happens_at_sign_in_is_counted(ada: User) -> None:
    sign_in("ada")
    for _ in range(6):
        sign_in("ada", "wrong")
    counts = records.counts()
    assert {event: count for event, count in counts.items() if count} == {
        "signed_in": 1,
        "wrong_password": 5,
        "refused_by_limit": 1,
    }
    assert set(records.VERBS) <= set(counts)


def test_sign_ins_of_others_are_no_news(ada: User) -> None:
    admin = make_admin()
    User.objects.update(activity_seen_at=timezone.now() - timedelta(minutes=1))
    sign_in("ada")
    browser = Browser()
    browser.force_login(admin)
    assert 'class="badge"' not in browser.get(reverse("portal:bell")).content.decode()
    assert 'class="notice' not in browser.get(reverse("portal:notifications")).content.decode()
