"""The shell around every page: sign-in, search, bell, theme and error pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HTMX_STOP_POLLING

from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace, NamespaceRole, Role
from portal.models import Activity, User
from portal.registry import menu_for
from tests.portal.test_access_table import PEOPLE, TABLE, ask, body_of, place, signed_in
from tests.support.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user
from tests.support.markup import on_one_line
from tests.support.query_plans import plans_of

__all__ = ["place"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def browser(ada: User, client: Browser) -> Browser:
    client.force_login(ada)
    return client


# Signing in and out


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


# Search


@pytest.fixture
def namespace(ada: User) -> Namespace:
    namespace = make_namespace("factory", reader=ada)
    make_client(namespace, "press-1", authentication_name="urn:press:One")
    make_ca_certificate(namespace, "line-a")
    return namespace


def find(browser: Browser, query: str, **headers: str) -> str:
    return browser.get(reverse("portal:search"), {"q": query}, headers=headers).content.decode()


def test_search_finds_namespaces_certificates_and_clients(browser: Browser, namespace: Namespace) -> None:
    assert reverse("namespaces:namespace_overview", args=[namespace.pk]) in find(browser, "FACT")
    client = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    assert client in find(browser, "press-1")
    assert client in find(browser, "urn:press:one")
    certificate = namespace.ca_certificates.get()
    ca = reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-a"])
    digits = certificate.thumbprint[:12].upper()
    assert ca in find(browser, ":".join(digits[i : i + 2] for i in range(0, 12, 2)))
    assert "<html" not in find(browser, "press", **{"HX-Request": "true"})


def test_search_finds_nothing_of_others(browser: Browser, namespace: Namespace) -> None:
    other = make_namespace("hidden-factory")
    make_client(other, "press-2")
    page = find(browser, "press-2") + find(browser, "hidden")
    assert "hidden-factory" not in page
    assert 'data-code="no-results"' in page


def hits(browser: Browser, query: str, **more: Any) -> list[tuple[str, str]]:
    """Title and address of what is found."""
    page = browser.get(reverse("portal:search"), {"q": query, **more}).content.decode()
    return [(title, url) for url, title in re.findall(r'<a class="hit" href="([^"]+)">([^<]+)', page)]


def test_search_finds_pages_of_the_portal_and_the_current_namespace(
    browser: Browser, namespace: Namespace, ada: User
) -> None:
    other = make_namespace("another", reader=ada)
    mine = ("Sync", reverse("sync:sync_overview", args=[namespace.pk]))
    assert hits(browser, "sync", namespace=namespace.pk) == [mine, ("Sync", reverse("sync:sync_all"))]
    assert ("Sync", reverse("sync:sync_overview", args=[other.pk])) in hits(browser, "sync")
    assert ("Access control (IAM)", reverse("namespaces:role_list", args=[namespace.pk])) in hits(
        browser, "iam", namespace=namespace.pk
    )
    assert [title for title, _ in hits(browser, "TEST perm", namespace=namespace.pk)] == ["Test permission"]
    assert hits(browser, "account") == [("Account", reverse("portal:account"))]
    overview = browser.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert f'<input type="hidden" name="namespace" value="{namespace.pk}">' in overview


def test_search_finds_no_pages_of_a_namespace_of_others(browser: Browser, namespace: Namespace) -> None:
    hidden = make_namespace("hidden")
    assert f"/namespaces/{hidden.pk}/" not in str(hits(browser, "clients", namespace=hidden.pk))
    assert hits(browser, "clients", namespace="x" * 30)


@pytest.mark.parametrize(("role", "found"), [(Role.READER, False), (Role.CONTRIBUTOR, True)])
def test_search_finds_what_a_person_may_do(browser: Browser, namespace: Namespace, role: Role, found: bool) -> None:
    NamespaceRole.objects.update(role=role)
    actions = [
        ("create cli", "Create client", "namespaces:client_create"),
        ("import", "Import clients", "namespaces:client_import_files"),
        ("upload", "Upload CA certificate", "certificates:ca_certificate_upload"),
    ]
    for query, title, name in actions:
        action = (title, reverse(name, args=[namespace.pk]))
        assert (action in hits(browser, query, namespace=namespace.pk)) is found
    assert not [title for title, _ in hits(browser, "create client", namespace=make_namespace("others").pk)]


def test_search_finds_presented_and_registered_thumbprints(browser: Browser, namespace: Namespace) -> None:
    now, other = timezone.now(), make_namespace("hidden")
    for where, digit in ((namespace, "a"), (other, "a"), (namespace, "b"), (namespace, "c")):
        ConnectionAttempt.objects.create(
            namespace=where,
            cursor=ord(digit),
            at=now,
            accepted=False,
            thumbprint=digit * 64,
            user_name=digit,
            record={},
        )
    ClientCertificate.objects.create(
        namespace=namespace, client_name="press-1", thumbprint="a" * 64, der=b"", not_after=now, seen_at=now
    )
    make_client(namespace, "press-2", thumbprints=["d" * 64], validation_scheme="ThumbprintMatch")
    client = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    assert hits(browser, "AA:aa:aa:aa") == [("press-1", client)]
    assert hits(browser, "bbbb bbbb") == [("b", reverse("namespaces:connection_detail", args=[namespace.pk, ord("b")]))]
    assert hits(browser, "dddddd") == [("press-2", reverse("namespaces:client_detail", args=[namespace.pk, "press-2"]))]
    assert hits(browser, "c" * 65) == []


# The bell


def change(namespace: Namespace, actor: User | None, outcome: str = "succeeded", **more: Any) -> Activity:
    return Activity.objects.create(
        at=timezone.now(),
        actor=actor,
        actor_name=actor.display_name if actor else "Portal",
        verb="Create client",
        scope=namespace.pk,
        kind="namespaces.client",
        object_name="press-1",
        outcome=outcome,
        **more,
    )


def unread(browser: Browser) -> str:
    badge = re.search(r'class="badge">([^<]*)', browser.get(reverse("portal:bell")).content.decode())
    return badge[1] if badge else ""


def test_the_bell_counts_what_others_changed_and_what_failed(browser: Browser, namespace: Namespace, ada: User) -> None:
    ada.activity_seen_at = timezone.now() - timedelta(minutes=1)
    ada.save()
    change(namespace, ada)
    change(namespace, None)
    assert unread(browser) == ""
    change(namespace, make_user("bob"))
    change(namespace, ada, "failed", settled_at=timezone.now())
    change(make_namespace("hidden"), make_user("eve"))
    assert unread(browser) == "2"
    page = browser.get(reverse("portal:notifications")).content.decode()
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until
    change(namespace, User.objects.get(username="bob"))
    browser.post(reverse("portal:notifications_seen"), {"until": until[1]})
    assert unread(browser) == "1", "what came in while the list was open stays unread"


def test_what_others_did_before_the_first_sign_in_is_no_news(client: Browser, namespace: Namespace) -> None:
    bob = make_user("bob")
    User.objects.filter(username="ada").update(activity_seen_at=timezone.now() - timedelta(days=1))
    change(namespace, bob)
    client.post(reverse("portal:sign_in"), {"username": "ada", "password": PASSWORD})
    assert unread(client) == ""
    change(namespace, bob)
    client.post(reverse("portal:sign_out"))
    client.post(reverse("portal:sign_in"), {"username": "ada", "password": PASSWORD})
    assert unread(client) == "1", "what happened since is news also at the second time"


def test_what_others_did_before_one_had_access_is_no_news(browser: Browser, namespace: Namespace, ada: User) -> None:
    bob = make_user("bob")
    other = make_namespace("plant", owner=bob)
    User.objects.filter(username="ada").update(activity_seen_at=timezone.now() - timedelta(minutes=1))
    change(other, bob)
    change(namespace, bob)
    assert unread(browser) == "1"
    owner = Browser()
    owner.force_login(bob)
    owner.post(reverse("namespaces:role_add", args=[other.pk]), {"who": "ada", "role": "reader", "generation": "0"})
    assert unread(browser) == "2", "the role itself is news"
    page = browser.get(reverse("portal:notifications")).content.decode()
    assert "<strong>Grant role</strong> Ada Lovelace (ada): Reader" in page, "it says to whom"
    change(other, bob)
    assert unread(browser) == "3"


def test_the_bell_reads_what_is_new_and_not_the_whole_log(browser: Browser, namespace: Namespace) -> None:
    with CaptureQueriesContext(connection) as asked:
        unread(browser)
    steps = plans_of(asked, "portal_activity")
    assert len(steps) == 2
    assert all("at>?" in step for step in steps)


def test_the_bell_of_one_who_signed_out_stops_asking(client: Browser) -> None:
    assert client.get(reverse("portal:bell"), headers={"HX-Request": "true"}).status_code == 286


# Theme


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


# Errors


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


# Every page


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
PARTS = ("bell", "seat_bar", "_states", "_check", "_check_name", "_live", "_newer")


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
