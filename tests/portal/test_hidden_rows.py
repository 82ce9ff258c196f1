"""Where a namespace hides other teams' rows, no page says that they exist: each URL answers as if they did not.

The same table as test_access_table.py is walked twice, before and after another team adds its CA certificates and clients.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.models import Client, ClientCertificate, ConnectionAttempt, Namespace, RefusedOperation, SwitchCheck
from portal.models import Activity, Team, User
from sync.models import Discard, Finding, PushRecord
from tests.portal.access.place import arguments, body_of, place, signed_in  # noqa: F401 - a fixture
from tests.portal.test_access_table import PRESS, TABLE
from tests.support.database.factories import (
    make_ca_certificate,
    make_ca_der,
    make_client,
    make_issuer_alarm,
    make_revocation_alarm,
    make_revoked_certificate,
)

pytestmark = pytest.mark.django_db

MARK = "zulu"  # in every name of what is hidden
THUMBPRINT = "ab" * 32
UNAWARE = ("reader", "contributor", "certificate_uploader of Line 1", "client_manager of Line 1")
AWARE = ("owner", "admin", "client_manager of Line 2")


@pytest.fixture
def hiding(place: Namespace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Namespace:  # noqa: F811
    moment = timezone.now()  # the clock stands: the marks of a chart move with it
    monkeypatch.setattr(timezone, "now", lambda: moment)
    settings.SHORT_CACHE_SECONDS = 0
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    Namespace.objects.update(hides_other_teams=True)
    changed = {"user_name": MARK, "thumbprint": THUMBPRINT, "code": "not-revoked", "reason": f"{MARK} was revoked"}
    listed = [changed | {"client": f"{MARK}-1"}, changed | {"client": ""}]
    replay = {"pairs": 2, "known": 2, "refused": 2, "unlike": 2, "listed": listed, "listed_unlike": listed}
    SwitchCheck.objects.create(namespace=place, at=moment, replay=replay)
    make_client(place, "press-2", team=Team.objects.get(name="Line 1"), synced_generation=0)
    return place


def fill(namespace: Namespace) -> None:
    """Let the other team own a rejected client, one on its way and a CA certificate, with all that is recorded about them."""
    team = Team.objects.get(name="Line 2")
    now = timezone.now()
    parked = {"synced_generation": 0, "parked_code": f"{MARK}Code", "parked_message": f"{MARK} is rejected"}
    client = make_client(namespace, f"{MARK}-1", team=team, last_seen_at=now, attributes={MARK: MARK}, **parked)
    make_issuer_alarm(client, issuer=MARK, former_issuer=MARK, ca_name=f"{MARK}-ca")
    make_revocation_alarm(client, subject=MARK, caller=MARK)
    make_client(namespace, f"{MARK}-2", team=team, synced_generation=0, last_error=f"{MARK} was slow")
    ca = make_ca_certificate(namespace, f"{MARK}-ca", team=team, description=MARK, last_used_at=now)
    Client.objects.filter(team=team).update(certificate_expires_at=now + timedelta(days=3), certificate_issuer=MARK)
    CACertificate.objects.filter(pk=ca.pk).update(subject=f"CN={MARK}", not_after=now + timedelta(days=2))
    ClientCertificate.objects.create(
        namespace=namespace, client_name=client.name, thumbprint=THUMBPRINT, der=bytes(ca.der), subject=f"CN={MARK}",
        not_after=now + timedelta(days=2), seen_at=now, has_connected=True,
    )  # fmt: skip
    make_revoked_certificate(namespace, client.name, make_ca_der(at=now), team=team, note=MARK)
    make_revoked_certificate(namespace, f"{MARK}-gone", PRESS.der, team=team, note=MARK)
    make_revoked_certificate(namespace, "", bytes(ca.der), team=team, note=MARK)
    of_client: dict[str, Any] = {"reason": f"Connected as {MARK}-1.", "subject": f"CN={MARK}", "record": {}, "at": now}
    for cursor, fields in enumerate(
        (
            {"client_name": f"{MARK}-1", "accepted": True, "code": "accepted", "ca_name": f"{MARK}-ca"},
            {"client_name": f"{MARK}-2", "accepted": False, "code": "scheme-compared"},
            {"user_name": f"{MARK}-1", "accepted": False, "code": "certificate-readable"},
            {"accepted": False, "code": "within-validity", "thumbprint": THUMBPRINT},
        ),
        start=50,
    ):
        ConnectionAttempt.objects.create(namespace=namespace, cursor=cursor, **of_client | fields)
    RefusedOperation.objects.create(
        namespace=namespace, cursor=60, at=now, operation="publish", client_name=f"{MARK}-1", reason=f"not in {MARK}"
    )
    of_scope: dict[str, Any] = {"scope": namespace.pk, "kind": client.kind, "object_pk": client.pk}
    Finding.objects.create(name=client.name, drift="changed", is_loud=True, found_at=now, seen_at=now, **of_scope)
    entry = {"actor_name": MARK, "team_name": "Line 2", "object_name": client.name, "verb": "Update client"}
    Activity.objects.create(pk=5000, at=now, outcome="failed", settled_at=now, generation=1, **entry, **of_scope)
    gone = of_scope | {"object_pk": client.pk + 1000}
    Activity.objects.create(at=now, outcome="local", actor=User.objects.get(username="owner"), **entry, **gone)
    Discard.objects.create(generation=1, asked_at=now, actor=User.objects.get(username="owner"), **of_scope)
    PushRecord.objects.create(generation=1, claimed_at=now, settled_at=now, outcome="succeeded", steps=[], **of_scope)


def pages() -> Iterator[str]:
    """Yield each URL name that a GET opens, apart from those of one's own account."""
    opened = (name for name, (method, _) in TABLE.items() if method == "GET")
    yield from (name for name in opened if name.startswith(("home:", "namespaces:", "certificates:", "lab:", "sync:")))
    yield from ("portal:home", "portal:notifications", "portal:bell", "portal:account")


def shown(browser: Browser, url: str) -> tuple[int, str]:
    answer = browser.get(url)
    text = body_of(answer).decode()
    text = re.sub(
        r'(name="csrfmiddlewaretoken" value|hx-headers|nonce|data-request-id)="?[^"]*"|hx-headers=\'[^\']*\'', "", text
    )
    text = re.sub(r"[A-Za-z0-9]{64}", "", text)  # the token of forms
    text = re.sub(r'<time [^>]*>[^<]*</time>|"began": ?\d+|began=\d+|\d\d:\d\d(:\d\d)?', "", text)
    return answer.status_code, text


def without_reach(text: str) -> str:
    """Leave out the blast radius of a CA certificate, which counts the clients of all teams (docs/access.md)."""
    return re.sub(r'<section class="card reach".*?</section>', "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    "person", [pytest.param(person, marks=[pytest.mark.long] if person != "reader" else []) for person in UNAWARE]
)
def test_no_page_changes_when_another_team_adds_rows(hiding: Namespace, person: str) -> None:
    browser = signed_in(person)
    urls = {name: reverse(name, kwargs=arguments(name, hiding.pk)) for name in pages()}
    urls["search"] = f"{reverse('portal:search')}?q={MARK}"
    urls |= {whose: f"{reverse('home:home')}?whose={whose}" for whose in ("mine", "team")}
    urls["by thumbprint"] = f"{reverse('portal:search')}?q={THUMBPRINT}"
    urls["clients searched"] = f"{reverse('namespaces:client_list', args=[hiding.pk])}?q={MARK}"
    before = {name: shown(browser, url) for name, url in urls.items()}
    fill(hiding)
    for name, url in urls.items():
        status, text = shown(browser, url)
        assert MARK in url or MARK not in text, name
        text, earlier = without_reach(text), (before[name][0], without_reach(before[name][1]))
        new = set(text.splitlines()) ^ set(earlier[1].splitlines())
        assert (status, not new and text == earlier[1]) == (earlier[0], True), (name, sorted(new)[:6])
