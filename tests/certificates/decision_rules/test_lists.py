"""Revocation lists: uploaded through the page, fetched from a host that the operator allows, and never replaced by an older one."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate, RevocationList
from certificates.notices.lists import announce_stale_lists
from certificates.tasks import fetch_revocation_lists
from certificates.x509.certificate import load_certificate
from certificates.x509.serial_numbers import serial_digits
from namespaces.connections.client_certificates import path_of
from namespaces.models import DecisionChange, Namespace
from portal.models import Activity, Notice, NoticeRecipient, Team, User
from tests.support.certificates.chains import AT, Identity, authority
from tests.support.certificates.revocation_lists import Revoked, as_pem, revocation_list, serial_of
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_certificate,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True)
OTHER = ROOT.issue("Line 2 CA", ca=True)
SENSOR = LINE.issue("sensor-1")
FIRST = revocation_list(LINE, SENSOR, number=5)
LATER = timezone.now().replace(microsecond=0) + timedelta(days=2)
NEWER = revocation_list(LINE, SENSOR, LINE.issue("sensor-2"), number=6)


@dataclass
class Place:
    namespace: Namespace
    people: dict[str, User]

    def as_(self, who: str) -> Browser:
        browser = Browser()
        browser.force_login(self.people[who])
        return browser

    def upload(self, who: str, data: bytes) -> Any:
        url = reverse("certificates:ca_certificate_crls", args=[self.namespace.pk])
        return self.as_(who).post(url, {"file": SimpleUploadedFile("line.crl", data)})

    def page(self, who: str = "reader") -> str:
        return self.as_(who).get(reverse("certificates:ca_certificate_crls", args=[self.namespace.pk])).content.decode()

    def post(self, who: str, step: str, **fields: str) -> Any:
        url = reverse(f"certificates:ca_certificate_crl_{step}", args=[self.namespace.pk, "line-ca"])
        return self.as_(who).post(url, fields)

    @property
    def list(self) -> RevocationList:
        return RevocationList.objects.get(ca__name="line-ca")


@pytest.fixture
def place() -> Place:
    people = {name: make_user(name) for name in ("owner", "uploader", "other", "reader")}
    line_1 = make_team("Line 1", people["uploader"])
    make_team("Line 2", people["other"])
    roles: dict[str, Any] = {"owner": people["owner"], "reader": people["reader"], "contributor": people["other"]}
    namespace = make_namespace("factory", certificate_uploader=people["uploader"], **roles)
    make_ca_certificate(namespace, "line-ca", der=LINE.der, team=line_1)
    return Place(namespace, people)


def test_a_list_is_uploaded_and_replaced_by_a_newer_one_only(place: Place) -> None:
    assert place.upload("uploader", FIRST).status_code == 302
    row = place.list
    assert (row.number, row.entries, row.added_by) == ("5", 1, place.people["uploader"])
    assert bytes(row.der) == FIRST
    assert DecisionChange.objects.filter(namespace_pk=place.namespace.pk, client_pk=None).count() == 1
    assert 'data-list="line-ca" data-state="stale"' in place.page()
    assert 'data-code="stale"' in place.page()
    assert 'data-code="same-list"' in place.upload("uploader", FIRST).content.decode()
    assert place.upload("uploader", as_pem(NEWER)).status_code == 302  # as PEM
    assert (place.list.number, place.list.entries) == ("6", 2)
    assert 'data-code="older"' in place.upload("owner", FIRST).content.decode()
    assert place.list.number == "6"
    assert Activity.objects.filter(verb="Take revocation list").count() == 2


def test_a_removed_list_is_followed_by_no_older_one(place: Place) -> None:
    place.upload("uploader", NEWER)
    place.post("uploader", "remove")
    assert place.list.der
    place.post("owner", "remove")
    assert not place.list.der
    assert 'data-state="none"' in place.page()
    assert 'data-code="older"' in place.upload("uploader", FIRST).content.decode()
    assert place.upload("uploader", revocation_list(LINE, number=7)).status_code == 302
    assert place.list.entries == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LINE.der, "certificate"),
        (b"no list", "not-a-list"),
        (b"", "empty"),
        (revocation_list(OTHER, number=1), "issuer-unknown"),
        (LINE.key_pem, "private-key"),
        (FIRST[:-9], "damaged"),
        (revocation_list(LINE, this_update=LATER, next_update=LATER + timedelta(days=1)), "not-yet-valid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refused_file_changes_nothing(place: Place, data: bytes, code: str) -> None:
    answer = place.upload("owner", data)
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert not RevocationList.objects.exists()
    assert not DecisionChange.objects.exists()


def test_another_team_s_list_is_not_replaced(place: Place) -> None:
    answer = place.upload("other", FIRST)
    assert (answer.status_code, 'data-list="line-ca"' in answer.content.decode()) == (422, True)
    assert not RevocationList.objects.exists()
    assert place.upload("reader", FIRST).status_code == 403


def test_a_list_of_another_key_is_said_not_to_count(place: Place) -> None:
    place.upload("owner", FIRST)
    row = CACertificate.objects.get()
    twin = ROOT.issue("Line 1 CA", ca=True, key_label="another")
    CACertificate.objects.filter(pk=row.pk).update(der=twin.der)
    assert 'data-state="other-key"' in place.page()
    assert (
        place.upload("owner", revocation_list(twin, number=1)).status_code == 302
    )  # numbers of another key do not count
    assert place.list.number == "1"


def test_a_fresh_list(place: Place) -> None:
    place.upload("owner", revocation_list(LINE, next_update=timezone.now() + timedelta(days=2)))
    assert 'data-state="fresh"' in place.page()


@dataclass
class Server:
    """What the host of the lists answers, and what it was asked."""

    answer: bytes = FIRST
    status: int = 200
    location: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/line.crl"


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", str(len(state.answer)))
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.port = running.server_address[1]
        settings.REVOCATION_LIST_HOSTS = [f"127.0.0.1:{state.port}"]
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            running.shutdown()
            thread.join()


def test_a_list_is_fetched_from_an_allowed_host_and_again_when_due(place: Place, server: Server) -> None:
    assert place.post("uploader", "address", url=server.url).status_code == 302
    fetch_revocation_lists()
    assert (place.list.number, place.list.failed_code, place.list.added_by) == ("5", "", None)
    fetch_revocation_lists()  # not due
    assert server.asked == ["/line.crl"]
    server.answer = NEWER
    place.post("uploader", "fetch")
    fetch_revocation_lists()
    assert (place.list.number, len(server.asked)) == ("6", 2)
    server.answer = FIRST
    place.post("uploader", "fetch")
    fetch_revocation_lists()
    assert (place.list.number, place.list.failed_code) == ("6", "older")
    assert 'data-code="older"' in place.page()


def test_the_page_waits_until_a_list_is_fetched(place: Place, server: Server) -> None:
    def answer() -> str:
        page = place.as_("reader").get(
            reverse("certificates:ca_certificate_crls", args=[place.namespace.pk]),
            {"row": place.list.ca_id, "round": 1},
            headers={"HX-Request": "true"},
        )
        return str(page.content.decode())

    def is_polled(page: str) -> bool:
        return bool(re.search(r'id="list-poll" hx-get', page))

    assert not is_polled(place.page())
    place.post("uploader", "address", url=server.url)
    for data in (FIRST, NEWER):
        server.answer = data
        assert is_polled(place.page())
        assert "data-being-fetched" in place.page()
        assert is_polled(answer())
        assert "data-state" not in answer()  # nothing has come
        fetch_revocation_lists()
        came = answer()
        assert not is_polled(came)
        assert re.findall(r'data-list="([\w-]+)" data-state="\w+"\s+hx-swap-oob', came) == ["line-ca"]
        assert "data-being-fetched" not in came
        assert not is_polled(place.page())
        place.post("uploader", "fetch")
    server.status = 404
    fetch_revocation_lists()
    assert 'data-code="status"' in answer()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": 404}, "status"),
        ({"status": 302, "location": "http://127.0.0.1:1/"}, "status"),  # no redirect is followed
        ({"answer": b"<html>"}, "not-a-list"),
        ({"answer": b"x" * 5_300_000}, "too-large"),
    ],
)
def test_a_fetch_that_fails_is_said_and_tried_again(
    place: Place, server: Server, answer: dict[str, Any], code: str
) -> None:
    place.upload("owner", FIRST)
    for name, value in answer.items():
        setattr(server, name, value)
    place.post("uploader", "address", url=server.url)
    fetch_revocation_lists()
    row = place.list
    assert (row.failed_code, row.number, len(server.asked)) == (code, "5", 1)
    assert row.due_at is not None
    assert row.due_at > timezone.now()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://elsewhere.example/line.crl", "host-not-allowed"),
        ("http://pki.example:8080/line.crl", "host-not-allowed"),
        ("http://xpki.example/line.crl", "host-not-allowed"),
        ("http://pki.example.evil.example/line.crl", "host-not-allowed"),
        ("http://ada:secret@pki.example/line.crl", "credentials"),
        ("ftp://pki.example/line.crl", "malformed"),
        ("file:///etc/passwd", "malformed"),
        ("http://pki.example\\@elsewhere.example/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://169.254.169.254/latest", "host-not-allowed"),
        ("x" * 501, "max_length"),
    ],
)
def test_addresses_that_no_list_is_fetched_from(place: Place, settings: Any, url: str, code: str) -> None:
    settings.REVOCATION_LIST_HOSTS = ["pki.example", ".plant.example"]
    answer = place.post("owner", "address", url=url)
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert not RevocationList.objects.exists()


def test_addresses_on_allowed_hosts(place: Place, settings: Any) -> None:
    settings.REVOCATION_LIST_HOSTS = ["pki.example", ".plant.example"]
    for url in ("http://pki.example/a.crl", "https://PKI.example./a.crl", "http://crl.plant.example:80/a.crl", ""):
        assert place.post("owner", "address", url=url).status_code == 302
        assert place.list.url == url
    settings.REVOCATION_LIST_HOSTS = []  # what was allowed once is not fetched any more
    RevocationList.objects.update(url="http://pki.example/a.crl", due_at=timezone.now())
    fetch_revocation_lists()
    assert place.list.failed_code == "host-not-allowed"


def told(event: str) -> list[str]:
    recipients = NoticeRecipient.objects.filter(notice__event=event)
    return sorted(recipients.values_list("user__username", flat=True))


def test_a_list_is_announced_before_and_once_after_its_next_update(place: Place) -> None:
    issued = datetime(2026, 6, 1, 12, tzinfo=UTC)
    place.upload("uploader", FIRST)
    RevocationList.objects.update(this_update=issued, next_update=issued + timedelta(days=30))
    for days in (26, 27, 28):  # the last tenth begins on the 27th day
        announce_stale_lists(issued + timedelta(days=days))
        assert told("revocation_list_stale") == (["uploader"] if days >= 27 else [])
    assert Notice.objects.get().team == Team.objects.get(name="Line 1")
    for days in (31, 32, 36):
        announce_stale_lists(issued + timedelta(days=days))
    assert told("revocation_list_stale") == ["uploader"] * 2
    RevocationList.objects.update(next_update=issued + timedelta(days=60))
    announce_stale_lists(issued + timedelta(days=54))  # of the next list, again
    assert Notice.objects.filter(event="revocation_list_stale").count() == 3
    RevocationList.objects.update(next_update=issued + timedelta(days=70), signer_key="0" * 64)
    announce_stale_lists(issued + timedelta(days=69))  # one of another key does not count anyway
    announce_stale_lists(issued + timedelta(days=99))  # too late to be news
    assert Notice.objects.filter(event="revocation_list_stale").count() == 3


def test_a_list_that_cannot_be_fetched_is_announced_once(place: Place, server: Server) -> None:
    server.status = 404
    place.post("uploader", "address", url=server.url)
    for failures in range(1, 6):
        place.post("uploader", "fetch")
        fetch_revocation_lists()
        assert place.list.failures == failures
        assert told("revocation_list_failed") == (["uploader"] if failures >= 3 else [])
    server.status = 200
    place.post("uploader", "fetch")
    fetch_revocation_lists()
    assert (place.list.failures, place.list.number) == (0, "5")


def test_the_entries_of_a_list(place: Place) -> None:
    sub = LINE.issue("Sub CA", ca=True)
    twin = ROOT.issue("Line 1 CA", ca=True, key_label="another key").issue(
        "twin"
    )  # a namesake's, with a serial number of the list
    strangers = [Revoked(serial=1000 + each, at=AT - timedelta(days=each)) for each in range(60)]
    crl = revocation_list(
        LINE, SENSOR, sub, twin, *strangers, Revoked(serial=77, reason=x509.ReasonFlags.key_compromise)
    )
    place.upload("uploader", crl)
    make_client(place.namespace, "sensor-1")
    make_client_certificate(place.namespace, "sensor-1", SENSOR.der, **marks_of(SENSOR))
    make_client_certificate(place.namespace, "twin", twin.der, **marks_of(twin))
    make_ca_certificate(place.namespace, "sub-ca", der=sub.der)
    url = reverse("certificates:ca_certificate_crl", args=[place.namespace.pk, "line-ca"])
    assert url in place.page()

    def shown(**asked: str) -> list[str]:
        return re.findall(r'data-serial="(\w+)"', place.as_("reader").get(url, asked).content.decode())

    assert (len(shown()), len(shown(page="2")), len(shown(page="9"))) == (50, 14, 14)
    known = shown(which="known")
    assert set(known) == {serial_digits(serial_of(each)) for each in (SENSOR, sub)}
    assert shown(q="0x4D") == shown(q="77") == shown(q="Serial: 4d") == ["4d"]
    page = place.as_("reader").get(url, {"q": "what"}).content.decode()
    assert 'data-empty="no-serial"' in page
    assert 'data-empty="not-on-list"' in place.as_("reader").get(url, {"q": "4e"}).content.decode()
    assert reverse("certificates:client_certificates", args=[place.namespace.pk, "sensor-1"]) in (
        place.as_("reader").get(url, {"which": "known"}).content.decode()
    )
    own = reverse("certificates:client_certificates", args=[place.namespace.pk, "sensor-1"])
    assert 'data-revoked="itself"' in place.as_("reader").get(own).content.decode()
    place.post("owner", "remove")
    assert 'data-empty="no-list"' in place.as_("reader").get(url).content.decode()


def marks_of(identity: Identity) -> dict[str, str]:
    certificate = load_certificate(identity.der)
    return {"path": path_of([certificate]), "serial": serial_digits(certificate.serial_number)}
