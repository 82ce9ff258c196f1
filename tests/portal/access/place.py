"""A namespace with one row of each kind, people with every role, and requests as each of them."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client as Browser
from django.test.client import ClientHandler
from django.urls import reverse
from django.utils import timezone

from certificates.models import RevocationList
from lab.models import BrowserDevice, Seat, SharedAttempt, TrainingClass
from namespaces.models import (
    AccessRequest,
    Change,
    ChangeSet,
    ClientImport,
    ConnectionAttempt,
    ImportRow,
    Namespace,
    NamespaceRole,
)
from portal.models import (
    AccessLink,
    Activity,
    InvitedTeam,
    Membership,
    OutgoingMail,
    Team,
    User,
    Webhook,
    WebhookDelivery,
)
from portal.short_cache import Use, short_cache
from portal.sign_in.encryption import SIGNING_KEY, encrypt
from portal.sign_in.session_limits import SEEN_AT, SIGNED_IN_AT
from sync.models import Finding
from tests.portal.access.urls import url_arguments
from tests.portal.test_access_table import LEADS, OF_A_CLIENT, OF_DRAFTS, OF_TEAMS, PEOPLE, PRESS
from tests.support.database.factories import (
    make_admin,
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
    make_topic_space,
    make_user,
    make_waiting_device,
)
from tests.support.database.kept_rows import KeptRows

PLACE = KeptRows()
NUMBERS: dict[str, Any] = {}  # that the pages of the furnished place show in their menus and bells


@pytest.fixture
def place(settings: Any) -> Namespace:
    """A namespace with one row of each kind, and people with every role, each with a session."""
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    settings.LIVE_STATE_GATEWAY = "sync.capabilities.live_state.ArmLiveState"
    settings.DEVICES_IN_BROWSER = True  # their process does not run
    PLACE.provide(furnish)
    return Namespace.objects.get(name="factory")


@pytest.fixture
def kept_numbers(place: Namespace, settings: Any) -> Iterator[None]:
    """Let the numbers of the menu and the bell be those of the furnished place: to count them is a third of a page's time.

    Every test begins with the same numbers, which are counted once in each process, on real pages.
    """
    settings.SHORT_CACHE_SECONDS = 600
    with short_cache(Use.READ):  # after a POST too
        if not NUMBERS:
            NUMBERS.update(_count_numbers(place))
        caches["process"].set_many(NUMBERS, settings.SHORT_CACHE_SECONDS)
        yield


def _count_numbers(place: Namespace) -> dict[str, Any]:
    """Open two pages as each person. Return the numbers that the portal kept."""
    for person in (*PEOPLE, *OF_TEAMS, *LEADS):
        for url in (reverse("home:home"), reverse("namespaces:namespace_overview", args=[place.pk])):
            assert signed_in(person).get(url).status_code in {200, 302, 404}
    kept: Any = caches["process"]
    return dict(kept.get_many([key.split(":", 2)[2] for key in kept._cache]))


def furnish() -> None:
    people: dict[str, Any] = {name: make_user(name) for name in ("owner", "contributor", "reader")}
    make_user("stranger")
    make_user("disabled", is_active=False)
    make_admin()
    namespace = make_namespace("factory", **people)
    NamespaceRole.objects.create(namespace=namespace, user=User.objects.get(username="disabled"), role="owner")
    teams = {name: Team.objects.create(pk=1000 + at, name=name) for at, name in enumerate(("Line 1", "Line 2"))}
    for line in teams.values():
        Membership.objects.create(team=line, user=make_user(f"lead of {line.name}"), is_lead=True)
    Membership.objects.create(team=teams["Line 1"], user=make_user("member", pk=1000))
    far = timezone.now() + timedelta(days=7)
    link = AccessLink.objects.create(pk=1000, purpose="join", secret_hash="-", created_at=far, expires_at=far, email="new@x.example")  # fmt: skip
    InvitedTeam.objects.create(link=link, team=teams["Line 1"])
    teams["Line 1"].members.add(people["contributor"])
    for person, (role, team) in OF_TEAMS.items():
        user = make_user(person)
        teams[team].members.add(user)
        NamespaceRole.objects.create(namespace=namespace, user=user, role=role)
    own: dict[str, Any] = {"team": teams["Line 1"]}
    press = make_client(namespace, "press-1", **own)
    make_issuer_alarm(press, pk=1000)
    make_revocation_alarm(press, pk=1000)
    ca = make_ca_certificate(namespace, "line-a", **own)
    RevocationList.objects.create(namespace=namespace, ca=ca, der=b"\x30\x00")  # signed by none that counts
    make_client_certificate(namespace, "press-1", PRESS.der)
    make_revoked_certificate(namespace, "press-1", PRESS.issue("press-1-old").der, pk=1000, **own)
    make_blocked_name(namespace, "press-old", pk=1000, **own)
    make_waiting_device(namespace, "line-a", "press-new", PRESS.issue("press-new").der, pk=1000, **own)
    make_configuration(namespace)
    make_client_group(namespace, "press-1", **own)
    make_topic_space(namespace, "press-1", **own)
    make_permission_binding(namespace, "press-1", group="press-1", space="press-1", **own)
    now = timezone.now()
    ConnectionAttempt.objects.create(
        namespace=namespace, cursor=1, at=now, accepted=True, code="", reason="", record={}
    )
    entry = {"verb": "Create client", "scope": namespace.pk, "kind": "namespaces.client", "object_name": "press-1"}
    Activity.objects.create(pk=1000, at=now, actor_name="Portal", outcome="local", **entry)
    NamespaceRole.objects.create(pk=1000, namespace=namespace, user=make_user("guest"), role="reader")
    times = {"created_at": now, "next_attempt_at": now, "expires_at": now}
    OutgoingMail.objects.create(pk=1000, purpose="invitation", to="ada@example.com", **times)
    key = encrypt("whsec_AAAA", SIGNING_KEY)
    hook = {"name": "Chat", "url": "https://hooks.example.com/", "scope": namespace.pk, "created_at": now}
    Webhook.objects.create(pk=1000, owner=people["owner"], signing_key=key, events=["ca_expiry"], **hook)
    WebhookDelivery.objects.create(pk=1000, webhook_id=1000, event="ca_expiry", **times)
    asker = make_user("asker")
    asked: dict[str, Any] = {"namespace": namespace, "namespace_name": "factory", "user": asker, "role": "reader"}
    AccessRequest.objects.create(pk=1000, asked_at=now, expires_at=now + timedelta(days=1), reason="Work", **asked)
    finding = {"kind": "namespaces.client", "scope": namespace.pk, "name": "press-2", "drift": "appeared"}
    Finding.objects.create(pk=1000, found_at=now, seen_at=now, resource={"name": "press-2"}, **finding)
    run = ClientImport.objects.create(pk=1000, namespace=namespace, user=people["owner"], created_at=now)
    for number, (verdict, fix) in enumerate(
        (("new", ""), ("no-issuer", "use-thumbprint"), ("name-taken", "rename")), 1
    ):
        values: dict[str, Any] = {
            "name": f"new-{number}",
            "validation_scheme": "ThumbprintMatch",
            "thumbprints": [f"{number}" * 64],
        }
        certificate = {"thumbprint": f"{number}" * 64, "issuer": "CN=Line", "issuer_key": "-"} if number == 2 else {}
        wanted = values | {
            "authentication_name": values["name"],
            "state": "Enabled",
            "description": "",
            "attributes": {},
        }
        facts = {"verdict": verdict, "fix": fix, "fix_value": "new-9", "values": values, "wanted": wanted}
        ImportRow.objects.create(run=run, number=number, source="a.csv", place=number, certificate=certificate, **facts)
    training = TrainingClass.objects.create(pk=1000, title="Monday", trainer=User.objects.get(is_superuser=True), created_at=now)  # fmt: skip
    trainee = make_user("trainee", is_active=False)
    Seat.objects.create(training=training, number=1, user=trainee, first_name="Tia", return_hash="-", joined_at=now)
    BrowserDevice.objects.create(
        pk=1000, namespace=namespace, owner=people["owner"], handle="-", authentication_name="press-1",
        validation_scheme="SubjectMatchesAuthenticationName", client_id="press-1-device", thumbprint="ab" * 32, created_at=now,
    )  # fmt: skip
    SharedAttempt.objects.create(
        pk=1000,
        namespace=namespace,
        owner=people["owner"],
        secret_hash="-",
        cursor=1,
        frozen={},
        created_at=now,
        expires_at=far,
    )
    make_draft(namespace.pk, people["owner"].pk)
    for each in User.objects.all():
        values = {
            SESSION_KEY: str(each.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: each.get_session_auth_hash(),
            SIGNED_IN_AT: now.timestamp(),
            SEEN_AT: far.timestamp(),  # a moment ago for each test: in a used session, one request a minute is noted
        }
        Session.objects.create(
            session_key=session_key_of(each.username),
            session_data=SessionStore().encode(values),
            expire_date=now + timedelta(days=1),
        )


def session_key_of(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()[:32]


def arguments(name: str, pk: int) -> dict[str, Any]:
    known = {
        "pk": pk,
        "name": "line-a" if name.startswith("certificates:") and name not in OF_A_CLIENT else "press-1",
        "thumbprint": PRESS.thumbprint,
        "revoked": 1000,
        "blocked": 1000,
        "pin": 1000,
        "field": "name",
        "ending": "json",
        "cursor": 1,
        "entry": 1000,
        "finding": 1000,
        "session": 1000,
        "device": 1000,
        "shared": 1000,
        "which": "intermediate",
        "number": 1000,
        "run": 1000,
        "token": "0" * 32,
        "uidb36": "1",
        "key": "wrong",
        "assignment": 1000,
        "asked": 1000,
        "alarm": 1000,
        "person": 1000,
        "team": 1000,
        "webhook": 1000,
        "delivery": 1000,
        "mail": 1000,
        "invitation": 1000,
        "secret": "wrong",
        "training": 1000,
        "seat": 1,
        "slug": "make-a-chain",
    }
    return {key: known[key] for key in url_arguments()[name]}


def ask(browser: Browser, name: str, method: str, pk: int) -> Any:
    url = reverse(name, kwargs=arguments(name, pk))
    if "run" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        # An import is seen by the person who brought it only.
        ClientImport.objects.update(user=browser.session["_auth_user_id"])
    if "device" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        BrowserDevice.objects.update(owner=browser.session["_auth_user_id"])  # seen by its owner only
    if "number" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        make_draft(Namespace.objects.get(name="factory").pk, int(browser.session["_auth_user_id"]))
        if name not in OF_DRAFTS:
            ChangeSet.objects.update(state="open", requested_at=timezone.now())
    if name == "lab:shared_revoke" and settings.SESSION_COOKIE_NAME in browser.cookies:
        once = {"owner_id": browser.session["_auth_user_id"], "secret_hash": "-", "cursor": 1, "frozen": {}}
        times = dict.fromkeys(("created_at", "expires_at"), timezone.now())
        SharedAttempt.objects.update_or_create(
            pk=1000, namespace=Namespace.objects.get(name="factory"), defaults=once | times
        )
    return browser.get(url) if method == "GET" else browser.post(url)


def make_draft(namespace_pk: int, user_pk: int) -> None:
    """Make the draft of a change set that this person has not requested yet, and that nobody else sees."""
    now = timezone.now()
    life = {"created_at": now, "expires_at": now + timedelta(days=1), "state": "draft", "title": "New role"}
    whose = {"namespace_id": namespace_pk, "requested_by_id": user_pk, "needs": ["other_role"]}
    change_set, _ = ChangeSet.objects.update_or_create(pk=1000, defaults=life | whose)
    roles = {"user": user_pk, "team": None, "role": "reader", "roles": ["reader"]}
    change = {"kind": "role", "operation": "grant", "name": "press-1: Reader", "before": roles, "values": roles}
    Change.objects.update_or_create(change_set=change_set, position=1, defaults=change)


def body_of(answer: Any) -> bytes:
    """What was answered, also where it comes in pieces; of an archive, all its files."""
    data = bytes(answer.getvalue() if answer.streaming else answer.content)
    if answer.headers.get("Content-Type") != "application/zip":
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


@cache
def _portal() -> ClientHandler:
    return ClientHandler(enforce_csrf_checks=False)


def signed_in(person: str) -> Browser:
    """Return a browser of this person. All browsers ask the same portal, which loads its middleware once."""
    browser = Browser()
    browser.handler = _portal()
    if person != "anonymous":
        browser.cookies[settings.SESSION_COOKIE_NAME] = session_key_of(person)
    return browser
