"""Random input at every URL and form: never status 500, never a traceback in the log, and no refused form is stored.

A short run is part of every run; hundreds of posts a form belong to the long tests. Each case has its own seed, so it can be
repeated alone.
"""

import io
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.test import Client as Browser
from django.urls import reverse

from lab.models import BrowserDevice, SharedAttempt
from namespaces.models import ChangeSet, ClientImport, Namespace
from portal.activity import DOWNLOADS
from portal.models import Activity, CachedValue, FailedSignIns, SignInCount, User
from portal.models.evidence import UnsealedPart
from tests.portal.access.place import arguments, kept_numbers, place
from tests.portal.fuzzing import Fuzz, controls_of
from tests.portal.test_access_table import CHANGES, OTHER_KEYS, TABLE
from tests.portal.test_logs import console
from tests.support.database.append_only import triggers_off

__all__ = ["console", "kept_numbers", "place"]
pytestmark = pytest.mark.django_db
savepoint = getattr(transaction, "savepoint_create", None) or transaction.savepoint  # renamed in Django 6.1
GET_URLS = sorted(name for name, (method, _) in TABLE.items() if method == "GET")
POST_URLS = sorted(
    {name for name, (method, _) in TABLE.items() if method == "POST"} | CHANGES.keys() | {"portal:sign_in"}
)
# A POST without any field changes something: there is no form that could refuse it.
NEED_NO_FIELD = (
    "change_set_approve",
    "change_set_rebase",
    "change_set_confirm",
    "change_set_inverse",
    "_columns",
    "_delete",
    "_retry",
    "_cancel",
    "_rotate",
    "_test",
    "_disconnect",
    "_discard",
    "client_import_cancel",
    "client_import_resume",
    "_make",
    "_revoke",
    "_refresh",
    "_seen",
    "sign_out",
    "sign_out_everywhere",
    "session_end",
    "fault_off",
    # Of people, teams and requests for access, behind a question or one button.
    "_disable",
    "_enable",
    "_promote",
    "_demote",
    "_sign_out",
    "_password_link",
    "_reset_second_step",
    "_member_remove",
    "_member_lead",
    "_renew",
    "_grant",
    "_decline",
    "_withdraw",
    "_issuer_alarm",
    "_revocation_alarm",
    "_let_in",
    "_nonce",
    "_release",
    "_devices_register",
    "_devices_dismiss",
    "_unbind",
    "_crl_fetch",
    "_crl_remove",
    "_unpin",
    "_replace_cancel",
    "_replace_remind",
    "_replace_start",
    "_confirm_replacement",
    "device_end",
    "shared_public",
    # Of a class and its seats.
    "_lock",
    "_reset",
    "_end",
    "_helped",
    "_look",
    "class_tell",  # without a message, it takes the former one away
)
# The page that has the controls of a URL without a page of its own.
PAGES = {
    "portal:password_change": "portal:account",
    "sync:fault_on": "sync:emulator",
    "sync:webhook_order": "sync:emulator",
    "sync:drift_resolve": "sync:drift_detail",
    "lab:device_create": "lab:device_list",
    "namespaces:client_renew_end": "namespaces:client_renew",
    "lab:shared_public": "lab:shared_list",
    **{f"lab:device_{each}": "lab:device_detail" for each in ("connect", "publish", "subscribe", "unsubscribe")},
    "certificates:ca_certificate_crl_address": "certificates:ca_certificate_crls",
    "certificates:client_pin": "certificates:client_certificates",
    "certificates:waiting_devices_register": "certificates:waiting_devices",
    "certificates:waiting_devices_dismiss": "certificates:waiting_devices",
    "certificates:sample_certificates_draft": "certificates:sample_certificates",
    "certificates:sample_certificates_register": "certificates:sample_certificates",
    "certificates:ca_certificate_check_file": "certificates:ca_certificate_upload",
    "certificates:ca_certificate_nonce": "certificates:ca_certificate_possession",
}
SHORT, LONG = 3, 500


def runs(names: list[str]) -> pytest.MarkDecorator:
    """A few short runs of several URLs each, and a long one of each URL."""
    several = [names[at::12] for at in range(12)]
    short = [pytest.param(each, SHORT, id=f"short {number}") for number, each in enumerate(several)]
    long = [pytest.param([name], LONG, id=name, marks=pytest.mark.long) for name in names]
    return pytest.mark.parametrize(("names", "count"), [*short, *long])


@pytest.fixture
def log_format() -> str:
    return "text"


@pytest.fixture
def browser(place: Namespace, kept_numbers: None) -> Browser:
    browser = Browser(raise_request_exception=False)
    admin = User.objects.get(username="admin")
    browser.force_login(admin)
    ClientImport.objects.update(user=admin)  # the person who brought it is the only one who sees it
    ChangeSet.objects.update(requested_by=admin)  # a draft, the same
    BrowserDevice.objects.update(owner=admin)  # the same
    SharedAttempt.objects.update(owner=admin)
    return browser


def stored() -> list[Any]:
    """Return every row of the product, apart from counts of failed sign-ins and entries about links that were refused."""
    found = []
    with connection.cursor() as cursor:
        for statement, values in statements():
            cursor.execute(statement, values)
            found.append(cursor.fetchall())
    return found


@cache
def statements() -> list[tuple[str, Any]]:
    """Return the SQL of `stored`, made once: making it takes longer than reading the rows."""
    kept = [
        model
        for name in ("portal", "sync", "namespaces", "certificates", "lab")
        for model in apps.get_app_config(name).get_models()
        if model not in (FailedSignIns, SignInCount, CachedValue)
    ]
    return [_rows(model).query.sql_with_params() for model in kept]


def _rows(model: type[models.Model]) -> Any:
    fields = [field.attname for field in model._meta.concrete_fields if field.name != "last_login"]
    rows: Any = model._default_manager.order_by("pk")
    refused = Activity.objects.filter(verb="Refuse link").order_by().values("pk")
    if model is Activity:
        rows = rows.exclude(pk__in=refused)
    elif model is UnsealedPart:
        rows = rows.exclude(entry__in=refused)
    return rows.values_list(*fields)


def page_of_form(name: str) -> str:
    if name in PAGES:
        return PAGES[name]
    return name.removesuffix("_draft") if name.removesuffix("_draft") in TABLE else name


def controls(browser: Browser, name: str, namespace: Namespace) -> dict[str, list[str]]:
    page = page_of_form(name)
    answer = browser.get(reverse(page, kwargs=arguments(page, namespace.pk)))
    is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    return controls_of(answer.content.decode()) if is_page else {}


def check(answer: Any, console: io.StringIO, sent: object) -> None:
    b"".join(answer)  # a stream fails only when it is read
    assert answer.status_code < 500, f"{answer.status_code} for {sent!r:.3000}\n{console.getvalue()}"
    assert 'File "' not in console.getvalue(), f"{sent!r:.3000}\n{console.getvalue()}"


@runs(POST_URLS)
def test_forms(browser: Browser, place: Namespace, console: io.StringIO, names: list[str], count: int) -> None:
    before = stored()
    for name in names:
        url = reverse(name, kwargs=arguments(name, place.pk))
        fuzz = Fuzz(f"forms {name}", controls(browser, name, place))
        for number in range(count):
            is_poisoned = number % 2 == 1
            sent = fuzz.poisoned() if is_poisoned else fuzz.fields() | fuzz.files()
            headers = fuzz.headers()
            if is_poisoned and number % 3 != 1:
                continue  # a third is enough: they differ in which fields are left out
            point, cookies = savepoint(), dict(browser.cookies)
            answer = browser.post(url, sent, headers=headers)
            check(answer, console, (name, sent))
            if answer.status_code >= 400 or (is_poisoned and not name.endswith(NEED_NO_FIELD)):
                assert stored() == before, f"{name}: {answer.status_code} for {sent!r:.3000}"
            transaction.savepoint_rollback(point)
            browser.cookies.clear()
            browser.cookies.update(cookies)


@runs(GET_URLS)
def test_parameters(browser: Browser, place: Namespace, console: io.StringIO, names: list[str], count: int) -> None:
    before = stored()
    for name in names:
        url = reverse(name, kwargs=arguments(name, place.pk))
        fuzz = Fuzz(f"parameters {name}", controls(browser, name, place))
        for _ in range(count if count == SHORT else count // 5):
            sent = fuzz.fields()
            check(browser.get(url, sent, headers=fuzz.headers()), console, (name, sent))
    _forget_downloads()
    assert stored() == before


def _forget_downloads() -> None:
    """Delete the entries about downloads, which are all that a GET may store."""
    downloads = list(Activity.objects.filter(kind=DOWNLOADS).values_list("pk", flat=True))
    with triggers_off():
        UnsealedPart.objects.filter(entry__in=downloads).delete()
        Activity.objects.filter(pk__in=downloads).delete()


NUMBERED = {"pk", "cursor", "entry", "finding", "assignment", "asked", "team", "webhook", "delivery", "mail"}
NUMBERED |= {"alarm", "number", "person", "invitation", "run", "training", "seat", "device", "shared", "revoked"}
NUMBERED |= {"blocked"}
LEADS_BACK = {"namespaces:access_withdraw"}  # where a request that is gone is told of


def test_numbers_in_addresses_that_no_row_can_have(browser: Browser, place: Namespace, console: io.StringIO) -> None:
    numbers = (str(2**63), "9" * 200, "9" * 5000)
    for name in sorted(TABLE):
        given = arguments(name, place.pk)
        for each in given.keys() & NUMBERED:
            marked = reverse(name, kwargs=given | {each: 10**17})
            for number in numbers:
                url = marked.replace(str(10**17), number)
                answer = browser.generic(TABLE[name][0], url)
                check(answer, console, url)
                assert answer.status_code in ({302, 404} if name in LEADS_BACK else {404}), url[:200]


@pytest.mark.parametrize("name", sorted(OTHER_KEYS - {"certificates:expiry_feed"}))
def test_pages_for_machines(browser: Browser, console: io.StringIO, name: str) -> None:
    fuzz, url = Fuzz(name, {}), reverse(name, kwargs=arguments(name, 1))
    for _ in range(SHORT):
        answer = browser.get(url, fuzz.fields(), headers=fuzz.headers() | {"authorization": "Bearer é" * 99})
        assert name == "sync:ready" or answer.status_code < 500
        assert 'File "' not in console.getvalue()


BODIES = [
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=", b"--\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\na"),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=a\r\n\r\n!\r\n--x--",
    ),
    ("multipart/form-data; boundary=" + "x" * 300, b""),
    ("application/x-www-form-urlencoded; charset=nonsense", b"name=a"),
    ("application/x-www-form-urlencoded; charset=utf-16", b"name=a"),
    ("application/x-www-form-urlencoded", b"name=%ff%fe&" + b"a=1&" * 3000),
    ("application/x-www-form-urlencoded", b"name=" + b"x" * 3_000_000),
    ("application/json", b"{"),
    ("", b"\x00\xff"),
]


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_bodies_that_are_no_form(
    browser: Browser, place: Namespace, console: io.StringIO, content_type: str, body: bytes
) -> None:
    before = stored()
    for name in (
        "namespaces:client_create",
        "certificates:ca_certificate_upload",
        "portal:theme",
        "sync:drift_resolve",
    ):
        url = reverse(name, kwargs=arguments(name, place.pk))
        answer = browser.generic("POST", url, body, content_type)
        check(answer, console, body[:100])
    assert stored() == before
