"""What strangers can choose — names in certificates, user names, file names, what Azure answers — shows harmless everywhere."""

import csv
import io
import json
import logging
import re
import subprocess
import zipfile
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from certificates.actions.calendar_feeds import create_calendar_feed
from certificates.authentication.engine import authenticate
from certificates.pages.authentication_trace import namespace_state
from certificates.samples.chain import ClientName, make_sample_chain, sample_chain_zip
from certificates.x509.reading import to_azure_pem
from certificates.x509.text import one_line
from emulator.log import OneLineFormatter
from lab.models import BrowserDevice, Seat, SharedAttempt, TrainingClass
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import (
    AccessRequest,
    Change,
    ChangeSet,
    ClientImport,
    ImportRow,
    Namespace,
    NamespaceRole,
    RefusedOperation,
    SwitchCheck,
)
from namespaces.pages.az_commands import az_commands
from portal import activity
from portal.logs import JsonFormatter, TextFormatter
from portal.models import (
    AccessLink,
    InvitedTeam,
    Membership,
    Notice,
    NoticeRecipient,
    OutgoingMail,
    Team,
    User,
    Webhook,
    WebhookDelivery,
)
from portal.sign_in.encryption import SIGNING_KEY, encrypt
from sync.models import Finding
from tests.certificates.authentication.engine_table.cases import SUBJECT, THUMBPRINT
from tests.portal.access.place import arguments, body_of
from tests.portal.access.urls import url_arguments
from tests.portal.test_access_table import OF_DRAFTS, PRESS, TABLE
from tests.support.browser.editions import edition
from tests.support.browser.form_rows import posted_rows
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import (
    make_blocked_name,
    make_ca_certificate,
    make_client,
    make_client_certificate,
    make_client_group,
    make_configuration,
    make_issuer_alarm,
    make_namespace,
    make_permission_binding,
    make_revocation_alarm,
    make_revoked_certificate,
    make_team,
    make_topic_space,
    make_user,
    make_waiting_device,
)
from tests.support.database.kept_rows import KeptRows

pytestmark = pytest.mark.django_db

MARKUP = "\"'><hostile-tag onclick=hostile()></textarea></script><script>hostile()</script>{{ 7|add:7 }}"
UNSEEN = "\u202edesrever\u2066\u200f\x1b[31m\x07\x85\u2028line\r\nSet-Cookie: hostile=1"
FORMULA = '=HYPERLINK("javascript:hostile()")'
NASTY = f"{FORMULA}{MARKUP}{UNSEEN}"
SHORT = f"{MARKUP[:60]}{UNSEEN[:40]}"  # fits where 128 characters are the most
LONG = "n" * 60_000
HARMLESS_PAGE = 400_000  # bytes: a name of 64 KB may not stand in a page many times


def nasty_subject(*names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False) for name in names])


@pytest.fixture(scope="session")
def line() -> Identity:
    return authority("Line CA", at=timezone.now(), subject=nasty_subject(NASTY))


@pytest.fixture(scope="session")
def sensor(line: Identity) -> Identity:
    return line.issue(
        "sensor", at=timezone.now(), subject=nasty_subject(NASTY), dns=[f"x{MARKUP}"], uris=["javascript:hostile()"]
    )


@pytest.fixture(scope="session")
def giant(line: Identity) -> Identity:
    return line.issue("giant", at=timezone.now(), subject=nasty_subject(LONG))


PLACE = KeptRows()


@pytest.fixture
def place(line: Identity, sensor: Identity, giant: Identity, settings: Any) -> Namespace:
    """A namespace in which everything that somebody else may choose is hostile."""
    settings.DEVICES_IN_BROWSER = True
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    settings.LIVE_STATE_GATEWAY = "sync.capabilities.live_state.ArmLiveState"
    PLACE.provide(lambda: furnish(line, sensor, giant))
    return Namespace.objects.get(name="factory")


def furnish(line: Identity, sensor: Identity, giant: Identity) -> None:
    owner = make_user("owner", first_name=NASTY[:150], last_name=MARKUP)
    team = make_team(SHORT[:80], owner)
    namespace = make_namespace("factory", owner=owner)
    NamespaceRole.objects.create(pk=1000, namespace=namespace, team=team, role="reader")
    Namespace.objects.update(
        location=SHORT[:60],
        connections_error=NASTY,
        unreachable_reason=NASTY,
        unreachable_since=timezone.now(),
        import_message=NASTY,
        resource={"properties": {"note": NASTY}},
    )
    client = make_client(
        namespace,
        "press-1",
        authentication_name=SHORT,
        description=NASTY,
        attributes={"type": NASTY, "list": [NASTY]},
        base={"name": "press-1", "properties": {"description": NASTY, "authenticationName": NASTY}},
        rule_notes=[NASTY],
        parked_code=SHORT[:60],
        parked_message=NASTY,
        team=team,
    )
    make_ca_certificate(namespace, "line-a", der=line.der, description=NASTY, base={"properties": {"note": NASTY}})
    hostile: dict[str, Any] = {"description": NASTY, "team": team, "base": {"properties": {"note": NASTY}}}
    hostile |= {"rule_notes": [NASTY], "created_by": owner}
    hostile_webhook = {f"webhook_{name}": NASTY[:60] for name in ("url", "audience", "tenant", "user_identity")}
    make_configuration(
        namespace, sources=[NASTY], rule_notes=[NASTY], base={"properties": {"note": NASTY}}, **hostile_webhook
    )
    changed = {"client": "press-1", "user_name": NASTY, "thumbprint": "", "code": "not-revoked", "reason": NASTY}
    listed = [changed, changed | {"client": SHORT}, changed | {"client": ""}]
    SwitchCheck.objects.create(
        namespace=namespace,
        at=timezone.now(),
        wanted=dict.fromkeys(("audience", "tenant", "identity", "user_identity", "client_id"), NASTY),
        probe=[{"code": "reachable", "passed": False, "fact": NASTY}],
        replay={"pairs": 9, "known": 9, "refused": 9, "unlike": 9, "listed": listed, "listed_unlike": listed},
    )
    make_client_group(namespace, "press-1", f"attributes.a = '{MARKUP}' or {UNSEEN}", **hostile)
    make_topic_space(namespace, "press-1", NASTY, f"a/{MARKUP[:40]}", "${client.attributes.note}/#", **hostile)
    make_permission_binding(namespace, "press-1", group=SHORT[:50], space=MARKUP[:50], **hostile)
    make_permission_binding(namespace, "press-2", group="press-1", space="press-1", **hostile)
    ConnectionIntake().take(
        namespace.pk,
        [record(namespace, 1, sensor), record(namespace, 2, giant), record(namespace, 3, sensor, user_name=LONG)],
        3,
    )
    RefusedOperation.objects.create(
        namespace=namespace, cursor=4, at=timezone.now(), operation="publish", client_name=SHORT[:128], reason=NASTY,
        session_name=SHORT[:128],
    )  # fmt: skip
    entry = activity.entry_of(
        owner,
        verb="Update client",
        kind="namespaces.client",
        object_pk=client.pk,
        object_name="press-1",
        scope=namespace.pk,
        scope_name="factory",
        before={"description": NASTY},
        after={"description": f"{NASTY} again", NASTY: NASTY},
    )
    entry.pk, entry.outcome, entry.outcome_code, entry.outcome_message = 1000, "failed", NASTY[:60], NASTY
    entry.team_name = SHORT[:80]
    entry.save(force_insert=True)
    issuers = {"former_issuer": NASTY, "issuer": NASTY, "ca_name": SHORT[:50], "caller": SHORT[:60]}
    make_issuer_alarm(client, pk=1000, **issuers)
    make_issuer_alarm(client, **issuers, state="expected", decided_at=timezone.now(), decided_by=owner)
    alarm = {"subject": NASTY, "caller": SHORT[:60]}
    make_revocation_alarm(client, pk=1000, **alarm)
    decided = {"state": "settled", "decided_at": timezone.now(), "decided_by": owner, "reported_by": owner}
    make_revocation_alarm(client, **alarm, **decided, cursor=None)
    words: dict[str, Any] = {"note": NASTY[:500], "reason": "keyCompromise", "team": team, "revoked_by": owner}
    make_revoked_certificate(namespace, SHORT[:128], sensor.der, pk=1000, **words)
    make_client_certificate(namespace, "press-1", PRESS.der, subject=NASTY, issuer=NASTY)
    released = {"released_at": timezone.now(), "released_by": owner}
    make_revoked_certificate(namespace, "press-1", giant.der, **words, **released)
    names = {"authentication_name": NASTY[:128], "why": NASTY, "held": "refused"}
    make_waiting_device(namespace, "line-a", "a", giant.der, pk=1000, team=team, **names)
    make_blocked_name(namespace, NASTY[:128], pk=1000, team=team, client_name=SHORT[:128])
    make_outgoing(owner, namespace)
    now = timezone.now()
    asked = {
        "namespace": namespace,
        "namespace_name": SHORT[:50],
        "user_id": 1000,
        "role": "reader",
        "reason": NASTY[:500],
    }
    AccessRequest.objects.create(pk=1000, asked_at=now, expires_at=now + timedelta(days=1), **asked)
    make_import(owner, namespace)
    life = {"created_at": now, "expires_at": now + timedelta(days=1), "state": "draft", "needs": ["client_change"]}
    texts = {"title": NASTY[:120], "reason": NASTY}
    change_set = ChangeSet.objects.create(pk=1000, namespace=namespace, requested_by=owner, **life, **texts)
    values = {"description": NASTY, "team": None}
    Change.objects.create(
        change_set=change_set,
        position=1,
        kind="client",
        operation="update",
        name=NASTY[:160],
        before=values,
        values=values,
    )
    Finding.objects.create(
        pk=1000,
        kind="namespaces.client",
        scope=namespace.pk,
        name="press-1",
        object_pk=client.pk,
        drift="changed",
        fields=[{"field": "description", "base": NASTY, "ours": NASTY, "azure": f"{NASTY} again"}],
        resource={"name": "press-1", "properties": {"description": NASTY}},
        note=NASTY,
        found_at=now,
        seen_at=now,
    )


def make_import(owner: User, namespace: Namespace) -> None:
    """Make an import in review whose rows are hostile in every verdict."""
    BrowserDevice.objects.create(
        pk=1000, namespace=namespace, owner=owner, handle="-", authentication_name=SHORT, client_id=SHORT, fault=SHORT[:40],
        validation_scheme=SHORT[:40], thumbprint="ab" * 32, created_at=timezone.now(),
    )  # fmt: skip
    SharedAttempt.objects.create(
        pk=1000, namespace=namespace, owner=owner, secret_hash="-", cursor=1, client_name=SHORT, created_at=timezone.now(),
        frozen={"user_name": NASTY, "accepted": False}, expires_at=timezone.now(),
    )  # fmt: skip
    run = ClientImport.objects.create(pk=1000, namespace=namespace, user=owner, created_at=timezone.now())
    values = {"name": NASTY, "authentication_name": NASTY, "description": NASTY, "attributes": {"note": NASTY}}
    certificate = {"issuer": NASTY, "issuer_key": "-", "thumbprint": "00" * 32, "subject": NASTY}
    texts: dict[str, Any] = {"source": NASTY[:200], "why": NASTY[:400], "values": values, "wanted": values}
    texts |= {"certificate": certificate, "fix_value": NASTY[:100]}
    for number, (verdict, fix) in enumerate(
        (
            ("new", ""),
            ("no-issuer", "use-thumbprint"),
            ("name-taken", "rename"),
            ("private-key", "show-how"),
            ("differs", "compare"),
            ("invalid", ""),
        ),
        1,
    ):
        facts = texts | ({"fix_value": "press-1"} if fix == "compare" else {})  # the page of a client
        ImportRow.objects.create(run=run, number=number, place=number, verdict=verdict, fix=fix, **facts)


def make_outgoing(owner: User, namespace: Namespace) -> None:
    """Make a team, a notice, a mail and a webhook with its delivery, all with hostile text."""
    now = timezone.now()
    team = Team.objects.create(pk=1000, name=f"2 {SHORT[:70]}")
    Membership.objects.create(team=team, user=owner, is_lead=True)
    names = {"first_name": MARKUP, "last_name": NASTY[:150]}
    person = make_user("person", pk=1000, email=f"{SHORT[:80]}@example.com", **names)
    Membership.objects.create(team=team, user=person)
    life = {"created_at": now, "expires_at": now + timedelta(days=1)}
    link = AccessLink.objects.create(pk=1000, purpose="join", secret_hash="-", created_by=owner, **life, **names)
    InvitedTeam.objects.create(link=link, team=team)
    make_class(owner)
    times = {"created_at": now, "next_attempt_at": now, "expires_at": now, "state": "failed"}
    text = {"subject": NASTY[:200], "sentence": NASTY, "url": "/", "scope": namespace.pk, "scope_name": SHORT[:80]}
    notice = Notice.objects.create(event="ca_expiry", at=now, opened_at=now, **text)
    NoticeRecipient.objects.create(notice=notice, user=owner)
    mail = {"purpose": "ca_expiry", "to": f"{SHORT[:80]}@example.com", "error": NASTY[:500], "subject": NASTY[:300]}
    OutgoingMail.objects.create(pk=1000, **mail, **times)
    hook = {"name": SHORT[:80], "url": f"https://example.com/{MARKUP}", "events": ["ca_expiry"], "scope": namespace.pk}
    key = encrypt("whsec_AAAA", SIGNING_KEY)
    Webhook.objects.create(pk=1000, owner=owner, created_at=now, signing_key=key, **hook)
    delivery = {"event": "ca_expiry", "notice": notice, "error": NASTY[:500]}
    WebhookDelivery.objects.create(pk=1000, webhook_id=1000, **delivery, **times)


def make_class(trainer: User) -> None:
    now = timezone.now()
    words = {"title": SHORT[:80], "message": NASTY[:300]}
    training = TrainingClass.objects.create(pk=1000, trainer=trainer, created_at=now, message_at=now, **words)
    asked = {"first_name": "=<hostile-tag onclick=x>\u202e\x07", "help_text": NASTY[:200], "help_at": now}
    user = make_user("trainee", is_active=False)
    Seat.objects.create(training=training, number=1, user=user, return_hash="-", joined_at=now, **asked)


def record(namespace: Namespace, cursor: int, leaf: Identity, *, user_name: str = SHORT) -> dict[str, Any]:
    """One attempt as the emulator tells of it."""
    state, now = namespace_state(namespace), timezone.now()
    decision = authenticate(presented=leaf.der, user_name=user_name, state=state, at=now)
    return {
        "cursor": cursor,
        "time": now.isoformat(),
        "operationName": "MICROSOFT.EVENTGRID/topicspaces/connect",
        "resultType": "Failed",
        "resultSignature": NASTY,
        "resultDescription": NASTY,
        "callerIpAddress": NASTY,
        "identity": {"authenticationType": NASTY, "clientIdentitySource": NASTY},
        "properties": {"sessionName": NASTY + LONG, "protocol": NASTY, "traceId": NASTY},
        "userName": user_name,
        "presentedChain": [to_azure_pem(leaf.der)],
        "decision": decision.as_dict(),
        "clientName": "press-1",
        "caName": "line-a",
    }


class Page(HTMLParser):
    """What a browser would make of it: the tags, the text that is read, the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.harm: list[str] = []
        self._open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        if tag == "hostile-tag":
            self.harm.append("a tag of a stranger")
        for name, value in attributes:
            address = (value or "").strip().lower()
            if name.startswith("on") or name == "style":
                self.harm.append(f"{tag} with {name}")
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"} and (
                address.startswith(("javascript:", "vbscript:", "data:text"))
            ):
                self.harm.append(f"{tag} {name}={address[:40]}")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script" and "hostile" in data:
            self.harm.append("a script of a stranger")
        if "textarea" not in self._open:
            self.text += data
            if found := re.search("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", data):
                self.harm.append(f"{found[0]!r} in {data[:60]!r}")


def assert_harmless(response: Any, where: str) -> None:
    assert response.status_code in {200, 286, 302, 422}, f"{where}: {response.status_code}"
    assert "hostile" not in response.cookies, where
    assert not [name for name in response.headers if "hostile" in name.lower()], where
    if response.get("Content-Type", "").startswith("text/html"):
        harm = Page(response.content.decode()).harm
        assert not harm, f"{where}: {harm[:3]}"
    size = len(body_of(response))
    assert size < HARMLESS_PAGE, f"{where}: {size} bytes"


@pytest.fixture
def owner(place: Namespace, client: Browser) -> Browser:
    client.force_login(User.objects.get(username="owner"))
    return client


GROUPS = sorted({(name.rpartition(":")[0], least == "admin") for name, (_, least) in TABLE.items()})


@pytest.mark.parametrize(("app", "for_admins"), GROUPS)
def test_a_page_shows_hostile_rows_as_text(owner: Browser, place: Namespace, app: str, for_admins: bool) -> None:
    if for_admins:
        User.objects.update(is_superuser=True, is_staff=True)
    for name, (method, least) in TABLE.items():
        if method != "GET" or name.rpartition(":")[0] != app or (least == "admin") is not for_admins:
            continue
        url = reverse(name, kwargs=arguments(name, place.pk))
        if "number" in url_arguments()[name]:  # a draft has other pages than a request
            is_draft = name in OF_DRAFTS
            ChangeSet.objects.update(state="draft" if is_draft else "open", requested_at=timezone.now())
        for headers in ({}, {"HX-Request": "true"}):
            assert_harmless(owner.get(url, headers=headers), name)
        for query in ({"q": MARKUP}, {"q": "hostile"}, {"name": NASTY, "value": NASTY, "sort": NASTY, "page": NASTY}):
            assert_harmless(owner.get(url, query), f"{name} {list(query)}")


def test_what_cannot_be_seen_is_named(owner: Browser, place: Namespace) -> None:
    for name in (
        "namespaces:client_detail",
        "namespaces:client_activity",
        "namespaces:connection_list",
        "namespaces:connection_detail",
        "namespaces:role_list",
        "namespaces:role_add",
        "namespaces:role_delete",
        "certificates:ca_certificate_detail",
        "certificates:expiries",
        "sync:drift_detail",
        "sync:timeline",
    ):
        text = Page(owner.get(reverse(name, kwargs=arguments(name, place.pk))).content.decode()).text
        assert "hostile-tag" in text, name
        assert "‹U+202E›" in text, name


@pytest.mark.parametrize("cursor", [1, 2, 3])
def test_an_attempt_shows_what_was_sent_as_text(owner: Browser, place: Namespace, cursor: int) -> None:
    url = reverse("namespaces:connection_detail", args=[place.pk, cursor])
    assert_harmless(owner.get(url), url)
    test = reverse("certificates:test_authentication", args=[place.pk])
    assert_harmless(owner.get(test, {"attempt": cursor}), test)


@pytest.mark.parametrize("kind", ["sensor", "giant", "line", "none"])
def test_what_is_brought_to_be_tested_or_uploaded_shows_as_text(
    owner: Browser, place: Namespace, kind: str, request: pytest.FixtureRequest
) -> None:
    data = b"no certificate" if kind == "none" else request.getfixturevalue(kind).pem
    for name, field in (
        ("certificates:test_authentication", "file"),
        ("certificates:ca_certificate_check_file", "file"),
        ("certificates:ca_certificate_upload", "file"),
    ):
        for headers in ({}, {"HX-Request": "true"}):
            file = SimpleUploadedFile(f"{MARKUP}\u202e{FORMULA}.crt", data)
            answer = owner.post(
                reverse(name, args=[place.pk]),
                {field: file, "user_name": NASTY, "name": NASTY, "description": NASTY, "at": NASTY, "protocol": NASTY},
                headers=headers,
            )
            assert_harmless(answer, f"{name} {kind}")


def test_a_toast_and_the_pages_after_a_change_show_what_was_typed_as_text(owner: Browser, place: Namespace) -> None:
    answer = owner.post(
        reverse("namespaces:client_create", args=[place.pk]),
        {
            "name": "press-9",
            "authentication_name": f"{MARKUP}\u202e",
            "validation_scheme": "SubjectMatchesAuthenticationName",
            "state": "Enabled",
            "description": NASTY,
        },
        follow=True,
    )
    assert place.clients.filter(name="press-9").exists(), answer.content.decode()[-3000:]
    assert_harmless(answer, "after creating")
    assert_harmless(owner.post(reverse("namespaces:client_create", args=[place.pk]), {"name": NASTY}), "refused")
    sent = edition(place.clients.get(name="press-9"))
    deleted = owner.post(reverse("namespaces:client_delete", args=[place.pk, "press-9"]), sent, follow=True)
    assert_harmless(deleted, "after deleting")


def test_the_expiries_calendar_has_no_lines_of_strangers(owner: Browser, place: Namespace) -> None:
    secret = create_calendar_feed(User.objects.get(username="owner"), namespace=place)
    answer = owner.get(reverse("certificates:expiry_feed", args=[secret]))
    lines = answer.content.decode().split("\r\n")
    assert not [text for text in lines if text.startswith(("Set-Cookie", "line"))]
    assert all(len(text.encode()) <= 75 for text in lines)
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    assert events
    assert not any(re.search("[\x00-\x08\x0b-\x1f\u202e]", str(event["description"])) for event in events)


def test_downloads_have_plain_names(owner: Browser, place: Namespace) -> None:
    answer = owner.get(reverse("certificates:ca_certificate_pem", args=[place.pk, "line-a"]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="line-a.pem"'
    chain = make_sample_chain([ClientName(f"../../{MARKUP[:30]}\u202e", THUMBPRINT)], at=timezone.now())
    with zipfile.ZipFile(io.BytesIO(sample_chain_zip(chain))) as archive:
        assert all(re.fullmatch(r"\w[\w.-]*", name) for name in archive.namelist()), archive.namelist()
    names = [f"../../{MARKUP[:30]}", "=1+1", "\u202e"]
    sent = posted_rows("clients", [{"name": name, "scheme": SUBJECT, "fault": ""} for name in names])
    assert_harmless(owner.post(reverse("certificates:sample_certificates", args=[place.pk]), sent), "samples")


@pytest.mark.parametrize("name", sorted(name for name in TABLE if name.endswith("_csv")))
def test_a_csv_file_has_no_formula_injected_line_or_hidden_text(owner: Browser, place: Namespace, name: str) -> None:
    if TABLE[name][1] == "admin":
        User.objects.update(is_superuser=True)
    answer = owner.get(reverse(name, kwargs=arguments(name, place.pk)))
    assert re.fullmatch(r'attachment; filename="(factory-)?[a-z-]+\.csv"', answer.headers["Content-Disposition"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = body_of(answer).decode("utf-8-sig")
    assert "hostile-tag" in text
    assert "‹U+202E›" in text
    assert not re.search("[\x00-\x09\x0b-\x0c\x0e-\x1f\x7f-\x9f\u200f\u2028-\u202e\u2066]", text)
    table = list(csv.reader(io.StringIO(text, newline="")))
    assert len(table) > 1
    assert {len(row) for row in table} == {len(table[0])}
    assert len(table) == text.count("\r\n")  # no cell makes a line of its own
    # As Excel cuts it where a semicolon separates cells, too.
    for separator in ",;":
        cells = [text for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for text in row]
        assert not [text for text in cells if re.match(r"\s*[=+\-@]", text)]


HOSTILE = "x'$(touch hostile)`touch hostile`;\ntouch hostile #"
AT_NAMESPACE = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/ns"
HOSTILE_TEXT = f"{NASTY.replace(chr(0), '')}\nJSON\ntouch hostile\n$(touch hostile)`touch hostile`'; touch hostile"
HOSTILE_BODIES: dict[str, dict[str, Any]] = {
    "caCertificates": {"encodedCertificate": HOSTILE_TEXT},
    "clients": {
        "authenticationName": HOSTILE_TEXT,
        "clientCertificateAuthentication": {"validationScheme": HOSTILE_TEXT, "allowedThumbprints": None},
        "state": HOSTILE_TEXT,
        "attributes": {"a": HOSTILE_TEXT},
    },
    "clientGroups": {"query": HOSTILE_TEXT},
    "topicSpaces": {"topicTemplates": [HOSTILE_TEXT]},
    "permissionBindings": {
        "clientGroupName": HOSTILE_TEXT,
        "topicSpaceName": HOSTILE_TEXT,
        "permission": HOSTILE_TEXT,
    },
}


@pytest.mark.parametrize("segment", HOSTILE_BODIES)
def test_the_az_commands_do_nothing_else_in_a_shell(tmp_path: Path, segment: str) -> None:
    body = {**HOSTILE_BODIES[segment], "description": HOSTILE_TEXT}
    arm_id = f"{AT_NAMESPACE}/{segment}/{HOSTILE}"
    told = 'az() { printf "%s\\0" "$@" >> told; printf "\\n\\n" >> told; }\n'
    commands = [each for family in az_commands(arm_id, body, "2025-02-15") for each in family.commands]
    for command in commands:
        assert not re.search("[\x00-\x08\x0b-\x1f\u0080-\u009f\u2028-\u202e]", command.text)
        subprocess.run(["sh", "-c", told + command.text], cwd=tmp_path, check=True, timeout=120)
    assert not (tmp_path / "hostile").exists()
    calls = [call.split("\0") for call in (tmp_path / "told").read_text().split("\0\n\n")]
    assert len(calls) == len(commands) + 1
    assert [call[:4] for call in calls if call[:1] == ["resource"]] == [
        ["resource", verb, "--id" if verb == "create" else "--ids", arm_id]
        for verb in ("create", "show", "update", "delete")
    ]
    named = [call[call.index("--name") + 1] for call in calls if call[:1] == ["eventgrid"] and "list" not in call]
    assert named == [HOSTILE] * 4
    assert json.loads((tmp_path / f"{HOSTILE}.json").read_text()) == {k: v for k, v in body.items() if v is not None}


@pytest.mark.parametrize(
    "formatter", [TextFormatter("%(message)s"), JsonFormatter(), OneLineFormatter("%(message)s")], ids=type
)
def test_a_log_line_stays_one_line(formatter: logging.Formatter) -> None:
    line = formatter.format(logging.makeLogRecord({"msg": "client %s", "args": (NASTY,), "name": "sync"}))
    assert len(line.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200f\u2028-\u202e\u2066]", line)


def test_text_on_one_line_is_still_the_same_text_in_json() -> None:
    text = f"{NASTY}\U000e0041 é 漢字 👩\u200d🔧"
    assert json.loads(one_line(json.dumps(text, ensure_ascii=False))) == text
    assert one_line("é 漢字 👩\u200d🔧") == "é 漢字 👩\u200d🔧"
