"""The shell around every page: sign-in, theme, menu and error pages."""

import re

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django_htmx.http import HTMX_STOP_POLLING

from namespaces.models import Namespace, NamespaceRole
from portal.models import User
from portal.registry import menu_for
from tests.portal.access.place import ask, body_of, place, signed_in
from tests.portal.test_access_table import PEOPLE, TABLE
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD

pytestmark = pytest.mark.django_db
__all__ = ["place"]


def test_signing_in_leads_to_the_requested_page(client: Browser, ada: User) -> None:
    wanted = reverse("portal:account")
    answer = client.get(wanted)
    assert answer.headers["Location"] == f"{reverse('portal:sign_in')}?next={wanted}"
    done = client.post(answer.headers["Location"], {"username": "ada", "password": PASSWORD, "next": wanted})
    assert done.headers["Location"] == wanted


def test_a_wrong_password_keeps_the_user_name_and_shows_an_error(client: Browser, ada: User) -> None:
    page = client.post(reverse("portal:sign_in"), {"username": "ada", "password": "wrong"}).content.decode()
    assert 'data-code="sign-in-failed"' in page
    assert 'value="ada"' in page
    assert "wrong" not in page


def test_signing_in_never_leads_to_another_site(client: Browser, ada: User) -> None:
    sent = {"username": "ada", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(reverse("portal:sign_in"), sent).headers["Location"] == "/"


def test_an_expired_session_redirects_the_page_of_an_htmx_request(client: Browser) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/namespaces/"}
    first = client.get(reverse("namespaces:namespace_list"), headers=headers)
    answer = client.get(first.headers["Location"], headers=headers)
    assert answer.headers["HX-Redirect"] == f"{reverse('portal:sign_in')}?next=%2Fnamespaces%2F"


def test_signing_out_is_a_post(browser: Browser) -> None:
    assert browser.get(reverse("portal:sign_out")).status_code == 405
    browser.post(reverse("portal:sign_out"))
    assert browser.get(reverse("portal:account")).status_code == 302


def test_a_password_is_changed_with_the_old_one(browser: Browser, ada: User) -> None:
    new = "a new and long enough sentence"
    url = reverse("portal:password_change")
    refused = browser.post(url, {"old_password": "wrong", "new_password1": new, "new_password2": new})
    assert refused.status_code == 422
    browser.post(url, {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    ada.refresh_from_db()
    assert ada.check_password(new)
    assert browser.get(reverse("portal:account")).status_code == 200, "one stays signed in"


def test_the_theme_is_in_the_first_paint(browser: Browser) -> None:
    browser.post(reverse("portal:theme"), {"theme": "dark"})
    assert 'data-theme="dark"' in browser.get(reverse("portal:account")).content.decode()
    browser.post(reverse("portal:theme"), {"theme": "system"})
    assert "data-theme=" not in browser.get(reverse("portal:account")).content.decode()
    browser.post(reverse("portal:theme"), {"theme": '"><script>'})
    assert "<script>" not in browser.get(reverse("portal:account")).content.decode()


def test_the_theme_menu_marks_what_is_chosen(browser: Browser) -> None:
    for chosen in ("system", "light", "dark"):
        browser.post(reverse("portal:theme"), {"theme": chosen})
        page = browser.get(reverse("portal:account")).content.decode()
        assert re.findall(r'name="theme" value="(\w+)" aria-pressed="true"', on_one_line(page)) == [chosen]


def test_a_timeline_leads_back_to_the_activity_log(place: Namespace) -> None:
    page = signed_in("reader").get(reverse("sync:timeline", args=[place.pk, 1000])).content.decode()
    trail = page[page.index('aria-label="Breadcrumb"') : page.index("</ol>")]
    assert f'<a href="{reverse("namespaces:namespace_activity", args=[place.pk])}">Activity log</a>' in trail


def test_what_finds_out_why_stands_together_in_the_menu(namespace: Namespace) -> None:
    labels = [entry.item.label for entry in dict(menu_for(namespace.pk, namespace.sight))["Troubleshooting"]]
    assert labels[:2] == ["Test authentication", "Test permission"]


def test_a_missing_page_says_what_to_do_and_to_htmx_as_a_toast(browser: Browser) -> None:
    page = browser.get("/no/such/page/")
    assert page.status_code == 404
    assert 'data-code="not-found"' in page.content.decode()
    toast = browser.get("/no/such/page/", headers={"HX-Request": "true"})
    assert (toast.status_code, toast.headers["HX-Retarget"]) == (404, "#toasts")


def test_a_form_without_its_token_changes_nothing(ada: User) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(ada)
    answer = strict.post(reverse("portal:theme"), {"theme": "dark"})
    assert answer.status_code == 403
    assert 'data-code="csrf"' in answer.content.decode()


def test_a_broken_page_says_so_without_a_traceback(
    browser: Browser, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("namespaces.views.resources.pages.poll_of", break_down)
    browser.raise_request_exception = False
    answer = browser.get(reverse("namespaces:client_list", args=[namespace.pk]))
    assert answer.status_code == 500
    assert "secret detail" not in answer.content.decode()
    assert "<h1" in answer.content.decode()


# What is no page: answered by a redirect as it is asked for here, a file, or a part of a page.
REDIRECTS = {
    *(
        "portal:home",
        "portal:favicon",
        "portal:sign_in",
        "account_login",
        *("mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"),
        *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
        "namespaces:namespace_choices",
        "namespaces:clients_change",
    ),
    *("sync:sync_retry", "sync:sync_discard"),
    "lab:device_certificate",  # a file while the device runs
}
FILES = (
    *("_csv", "_pem", "session_state", "export_progress", "client_import_left", "client_import_result"),
    *(f"{stem}_export" for stem in ("client", "ca_certificate", "client_group", "topic_space", "permission_binding")),
    *("connection_export", "activity_export", "person_export", "change_set_json"),
    *(f"template_{made}" for made in ("arm", "bicep", "terraform", "az")),
)
STATUSES = {
    "account_reset_password_from_key": 422,  # with the key of the access table, which is none
    "account_confirm_email": 422,
    "classes:seat_bar": HTMX_STOP_POLLING,  # for who has no seat
}
PARTS = ("bell", "seat_bar", "_state", "_states", "_check", "_check_name", "_live", "_newer")


def pages() -> list[str]:
    """The GET URLs that answer with HTML: whole pages and parts."""
    return [
        name
        for name, (method, _) in TABLE.items()
        if method == "GET" and name not in REDIRECTS and not name.endswith(FILES)
    ]


def whole_pages(person: str) -> list[str]:
    allowed = PEOPLE[: PEOPLE.index(person) + 1]
    return [name for name in pages() if not name.endswith(PARTS) and TABLE[name][1] in {"everybody", *allowed}]


@pytest.mark.parametrize("name", pages())
def test_every_page_keeps_a_strict_policy(place: Namespace, name: str) -> None:
    answer = ask(signed_in("admin"), name, "GET", place.pk)
    assert answer.status_code == STATUSES.get(name, 200)
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = body_of(answer).decode()
    assert not re.search(r"<script(?![^>]* src=)", text), "an inline script"
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), "inline style or handler"
    assert "{{" not in text
    assert "{%" not in text


@pytest.mark.parametrize("name", whole_pages("contributor"))
def test_every_page_is_labelled(place: Namespace, name: str) -> None:
    """Each field has a label, each id is unique, each page has one main heading."""
    answer = ask(signed_in("contributor"), name, "GET", place.pk)
    text = body_of(answer).decode()
    assert "<html" in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)
    labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
    for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
        named = re.search(r'\sid="([^"]+)"', tag)
        is_hidden = 'type="hidden"' in tag
        assert is_hidden or "aria-label" in tag or (named and named[1] in labelled) or 'type="radio"' in tag, tag
    assert text.count("<h1") == 1
    assert text.count("<main") == 1


def test_roles_end_with_the_grant(browser: Browser, namespace: Namespace) -> None:
    NamespaceRole.objects.all().delete()
    assert browser.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).status_code == 404
