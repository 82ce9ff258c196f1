"""Two-step sign-in: adding an app, its codes, recovery codes, and secrets that are encrypted wherever they are stored."""

import json
import re
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from portal.models import Activity, FailedSignIns, User
from portal.sign_in.encryption import UnreadableSecretError, decrypt, encrypt
from portal.sign_in.records import VERBS
from portal.sign_in.second_step import drawn_code
from tests.portal.sign_in.signing import sign_in
from tests.support.database.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
CODE = "/sign-in/code/"


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def code_of(secret: str, offset: int = 0) -> str:
    """Return the code that an app shows now, or `offset` half minutes later."""
    now = list(yield_hotp_counters_from_time())[1]
    return str(format_hotp_value(hotp_value(secret, now + offset)))


def confirmed(browser: Browser) -> Browser:
    answer = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302
    return browser


def add_app(browser: Browser) -> str:
    """Add an app to the account of a signed-in user, and return its secret."""
    page = confirmed(browser).get(reverse("mfa_activate_totp")).content.decode()
    shown = re.search(r"<code data-secret>([A-Z2-7 ]+)</code>", page)
    assert shown
    secret = shown[1].replace(" ", "")
    answer = browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert answer.headers["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def recovery_codes(browser: Browser) -> list[str]:
    page = browser.get(reverse("mfa_view_recovery_codes")).content.decode()
    return re.findall(r"<code data-recovery-code>(\d+)</code>", page)


@pytest.fixture
def at_home(ada: User) -> Browser:
    browser = Browser()
    browser.force_login(ada)
    return browser


def is_signed_in(browser: Browser) -> bool:
    return bool(browser.get(reverse("portal:account")).status_code == 200)


def at_the_code(next_url: str = "") -> Browser:
    """Return a browser whose password was right and that is asked for a code."""
    browser = Browser()
    assert sign_in("ada", browser=browser, next=next_url).headers["Location"] == CODE
    assert not is_signed_in(browser), "the password alone opens nothing"
    return browser


def test_a_code_of_the_app_completes_the_sign_in(at_home: Browser) -> None:
    secret = add_app(at_home)
    browser = at_the_code("/account/sessions/")
    before = browser.cookies["sessionid"].value
    assert browser.post(CODE, {"code": "wrong"}).status_code == 422
    answer = browser.post(CODE, {"code": code_of(secret, 1)})
    assert answer.headers["Location"] == "/account/sessions/"
    assert is_signed_in(browser)
    assert browser.cookies["sessionid"].value != before


def test_a_code_works_once(at_home: Browser) -> None:
    secret = add_app(at_home)
    code = code_of(secret, 1)
    assert at_the_code().post(CODE, {"code": code}).status_code == 302
    assert at_the_code().post(CODE, {"code": code}).status_code == 422


def test_a_recovery_code_works_once_and_is_counted(at_home: Browser, ada: User) -> None:
    add_app(at_home)
    codes = recovery_codes(at_home)
    assert len(codes) == 10
    browser = at_the_code()
    assert browser.post(CODE, {"code": codes[3]}).status_code == 302
    assert is_signed_in(browser)
    assert at_the_code().post(CODE, {"code": codes[3]}).status_code == 422
    assert 'data-codes-left="9"' in at_home.get(reverse("mfa_index")).content.decode()
    assert Activity.objects.filter(verb="Use recovery code", actor=ada).count() == 1


def test_guessing_codes_is_limited_and_recorded(at_home: Browser, ada: User) -> None:
    secret = add_app(at_home)
    browser = at_the_code()
    answers = [browser.post(CODE, {"code": f"wrong-{n}"}).status_code for n in range(6)]
    assert answers == [422] * 6
    page = browser.post(CODE, {"code": code_of(secret, 1)})
    assert page.status_code == 422
    assert 'data-code="too_many_login_attempts"' in page.content.decode()
    totals = FailedSignIns.objects.values_list("account", "wrong_codes", "refused")
    assert [sum(column) for column in zip(*totals, strict=True)][1:] == [5, 2]
    assert {account for account, _, _ in totals} == {ada.pk}


def test_another_user_can_sign_in_instead(at_home: Browser) -> None:
    add_app(at_home)
    make_user("bob")
    browser = at_the_code()
    assert browser.get(reverse("portal:sign_in")).headers["Location"] == CODE
    browser.post(reverse("portal:sign_in_start_over"))
    assert browser.get(reverse("portal:sign_in")).status_code == 200
    assert sign_in("bob", browser=browser).headers["Location"] == "/"


def test_a_user_who_was_disabled_meanwhile_gets_no_session(at_home: Browser) -> None:
    secret = add_app(at_home)
    browser = at_the_code()
    User.objects.update(is_active=False)
    browser.post(CODE, {"code": code_of(secret, 1)})
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "name",
    [
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_generate_recovery_codes",
        "mfa_view_recovery_codes",
        "mfa_download_recovery_codes",
    ],
)
def test_a_change_asks_who_one_is(at_home: Browser, ada: User, name: str) -> None:
    if name != "mfa_activate_totp":
        add_app(at_home)
    stolen = Browser()
    stolen.force_login(ada)
    answer = stolen.get(reverse(name))
    confirm = urlsplit(answer.headers["Location"])
    assert confirm.path == reverse("account_reauthenticate")
    assert parse_qs(confirm.query)["next"] == [reverse(name)]
    assert stolen.post(answer.headers["Location"], {"password": "wrong"}).status_code == 422
    back = stolen.post(answer.headers["Location"], {"password": PASSWORD, "next": reverse(name)})
    assert back.headers["Location"] == reverse(name)


def test_confirming_leads_to_no_other_site(at_home: Browser) -> None:
    form = {"password": PASSWORD, "next": "https://evil.example/"}
    assert at_home.post(reverse("account_reauthenticate"), form).headers["Location"] == "/"


def test_turning_it_off_needs_no_code_any_more(
    at_home: Browser, ada: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        add_app(at_home)
    at_home.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    assert sign_in("ada").headers["Location"] == "/"
    verbs = Activity.objects.filter(actor=ada).order_by("pk").values_list("verb", flat=True)
    events = "second_step_added", "recovery_codes_made", "second_step_removed"
    assert {VERBS[event] for event in events} <= set(verbs)


def test_new_recovery_codes_replace_the_old(at_home: Browser) -> None:
    add_app(at_home)
    old = recovery_codes(at_home)
    at_home.post(reverse("mfa_generate_recovery_codes"))
    new = recovery_codes(at_home)
    replaced = next(code for code in old if code not in new)
    assert at_the_code().post(CODE, {"code": replaced}).status_code == 422
    file = at_home.get(reverse("mfa_download_recovery_codes"))
    assert file.content.decode().split() == new
    assert "no-store" in file.headers["Cache-Control"]


# Secrets


def everything_stored() -> str:
    stored = [row.get_decoded() for row in Session.objects.all()]
    return json.dumps([*stored, *Authenticator.objects.values_list("data", flat=True)])


def test_secrets_are_encrypted_wherever_they_are_stored(at_home: Browser, client: Browser) -> None:
    page = confirmed(at_home).get(reverse("mfa_activate_totp")).content.decode()
    shown = re.search(r"<code data-secret>([A-Z2-7 ]+)</code>", page)
    assert shown
    secret = shown[1].replace(" ", "")
    assert secret not in everything_stored(), "nor in the session before it is set up"
    at_home.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert secret not in everything_stored()
    app = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert decrypt(app.data["secret"]) == secret
    assert re.fullmatch(r"[0-9a-f]{80}", decrypt(Authenticator.objects.get(type="recovery_codes").data["seed"]))


def test_a_former_key_still_decrypts(settings: Any) -> None:
    token = encrypt("secret")
    former = settings.SECRET_KEY
    settings.SECRET_KEY = "another-" + "y" * 40
    with pytest.raises(UnreadableSecretError):
        decrypt(token)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert decrypt(token) == "secret"
    assert decrypt(encrypt("new")) == "new"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(UnreadableSecretError):
        decrypt(token)


def test_a_lost_key_lets_nobody_in_and_says_what_to_do(at_home: Browser, settings: Any) -> None:
    secret = add_app(at_home)
    settings.SECRET_KEY = "another-" + "y" * 40
    browser = at_the_code()
    for code in (code_of(secret, 1), "", "000000", "755224"):
        page = browser.post(CODE, {"code": code})
        assert page.status_code == 422
    assert 'data-code="second_step_unreadable"' in page.content.decode()
    call_command("reset_second_step", "ada", stdout=StringIO())
    assert sign_in("ada").headers["Location"] == "/"
    for username in ("ada", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_step", username)


# Pages


def test_the_qr_code_is_inline_and_has_no_style_script_or_data(at_home: Browser) -> None:
    answer = confirmed(at_home).get(reverse("mfa_activate_totp"))
    text = answer.content.decode()
    drawing = text[text.index('<svg class="qr-code"') :].partition("</svg>")[0]
    assert re.fullmatch(r'<svg class="qr-code" viewBox="0 0 \d+ \d+" [^<>]*><path d="[Mhvz0-9 -]+"/>', drawing)
    assert "data:" not in text
    assert "data:" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text)


def test_the_qr_code_draws_each_dark_module_once() -> None:
    assert drawn_code("x").count("M") == drawn_code("x").count("h1v1h-1z") > 200


@pytest.mark.parametrize(
    "name",
    [
        "mfa_index",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_reauthenticate",
        "account_reauthenticate",
    ],
)
def test_each_page_is_labelled_and_strict(at_home: Browser, ada: User, name: str) -> None:
    if name != "mfa_activate_totp":
        add_app(at_home)
    text = confirmed(at_home).get(reverse(name)).content.decode()
    assert text.count("<h1") == text.count("<main") == 1
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|data:", text)
    labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
    for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
        named = re.search(r'\sid="([^"]+)"', tag)
        assert 'type="hidden"' in tag or (named and named[1] in labelled), tag
