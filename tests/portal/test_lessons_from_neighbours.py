"""Advisories of neighbouring products, each as a test of this one. Those about single sign-on and roles are beside these:
`tests/portal/single_sign_on/test_lessons.py` and `tests/namespaces/test_ownership.py`.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest
from cryptography import x509
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from certificates.x509.reading import DecodingError, load_certificate
from namespaces.models import Client, Namespace, NamespaceRole
from portal.models import Activity
from portal.notifications.webhooks.targets import TargetError, check_target
from tests.portal.test_access_table import OTHER_KEYS, TABLE
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import authority
from tests.support.database.factories import make_admin, make_client, make_namespace, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def place() -> Namespace:
    return make_namespace("factory", reader=make_user("rita"))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


def test_lemur_ghsa_54vg_pfh7_jq95_urls_in_certificates_are_never_fetched(
    place: Namespace, listener: socket.socket
) -> None:
    """Lemur fetched revocation lists and OCSP from the addresses in an uploaded certificate."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/list"
    general = x509.UniformResourceIdentifier(url)
    points = x509.CRLDistributionPoints([x509.DistributionPoint([general], None, None, None)])
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, general) for oid in (x509.OID_OCSP, x509.OID_CA_ISSUERS)]
    )
    pem = authority(
        "Line A", at=timezone.now() - timedelta(days=1), extensions=[(points, False), (access, False)]
    ).pem.decode()
    browser = signed_in(owner_of(place))
    form = {"name": "line-a", "pem": pem, "description": "", "team": ""}
    browser.post(reverse("certificates:ca_certificate_check_file", args=[place.pk]), form)
    browser.post(reverse("certificates:ca_certificate_upload", args=[place.pk]), form)
    assert CACertificate.objects.get().name == "line-a"
    page = browser.get(reverse("certificates:ca_certificate_detail", args=[place.pk, "line-a"])).content.decode()
    assert f'href="{url}' not in page
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/"])
def test_lemur_ghsa_v2wp_frmc_5q3v_inner_addresses_get_no_webhook(place: Namespace, url: str) -> None:
    """Lemur checked the address when it was entered, not when it was changed. Redirects: `test_webhooks`."""
    with pytest.raises(TargetError):
        check_target(url)
    browser = signed_in(make_admin())
    form = {"name": "Chat", "url": url, "events": "ca_expiry"}
    assert browser.post(reverse("portal:webhook_create"), form).status_code == 422


def test_lemur_ghsa_qcqw_2hqg_no_url_is_without_a_rule(place: Namespace) -> None:
    """Lemur had pages without a check. Here a URL is in the access table, or has a key of its own and is one of these."""
    keys = {"certificates:expiry_feed", "sync:metrics", "sync:health", "sync:ready"}
    keys |= {"portal:link", "portal:link_open", "portal:sso_start", "portal:sso_callback", "portal:demo_sign_in"}
    keys |= {"lab:shared_attempt", "lab:shared_file", "lab:shared_case", "classes:seat_ask", "classes:seat_ask_end"}
    keys |= {"classes:join_ca", "classes:seat_screen"}
    assert keys == OTHER_KEYS
    assert {least for _, least in TABLE.values()} <= {
        *("everybody", "stranger", "lead", "reader", "contributor", "owner", "admin")
    }


def test_lemur_1_7_0_a_long_name_in_a_certificate_is_bounded(place: Namespace) -> None:
    """Lemur spent minutes on a hostile name."""
    began = time.process_time()
    names = x509.SubjectAlternativeName([x509.DNSName("a" * 60_000)])
    der = authority("x", at=AT, extensions=[(names, False)]).der
    with contextlib.suppress(DecodingError):
        load_certificate(der)
    signed_in(owner_of(place)).get(reverse("certificates:ca_certificate_list", args=[place.pk]), {"q": "a" * 60_000})
    assert time.process_time() - began < 5


def test_netbox_22617_the_right_to_add_does_not_edit(place: Namespace) -> None:
    """NetBox let a bulk import edit with the right to add only. A Client manager adds clients, and edits no one else's."""
    mika = make_user("mika")
    make_team("Line 1", mika)
    NamespaceRole.objects.create(namespace=place, user=mika, role="client_manager")
    make_client(place, "theirs", team=make_team("Line 2"))
    form = {"name": "theirs", "authentication_name": "mine", "state": "Disabled"}
    browser = signed_in(mika)
    assert browser.post(reverse("namespaces:client_create", args=[place.pk]), form).status_code == 422
    assert browser.post(reverse("namespaces:client_update", args=[place.pk, "theirs"]), form).status_code == 403
    assert Client.objects.get().state == "Enabled"


def test_netbox_22513_the_author_of_an_entry_is_the_person_who_acts(place: Namespace) -> None:
    """NetBox let the author of an entry be edited. Triggers: `tests/portal/evidence/test_append_only.py`."""
    browser = signed_in(make_admin())
    browser.post(reverse("portal:team_create"), {"name": "Line 1", "actor": "1", "actor_name": "rita", "user": "rita"})
    entry = Activity.objects.get(verb="Create team")
    assert (entry.actor_name, entry.actor and entry.actor.username) == ("admin", "admin")


@pytest.mark.parametrize("name", ['a"; filename="b.exe', "a\r\nSet-Cookie: x=1", "javascript:alert(1)", "<b>"])
def test_netbox_22729_22657_hostile_names_stay_text_and_out_of_headers(place: Namespace, name: str) -> None:
    """NetBox put unescaped names into Content-Disposition, links and messages."""
    Namespace.objects.update(name=name)
    browser = signed_in(owner_of(place))
    file = browser.get(reverse("namespaces:client_csv", args=[place.pk]))
    header = str(file.headers.get("Content-Disposition"))
    assert "\r" not in header
    assert "\n" not in header
    message = Message()
    message["Content-Disposition"] = header
    assert [key for key, _ in message.get_params([], header="Content-Disposition")] == ["attachment", "filename"]
    page = browser.get(reverse("namespaces:client_list", args=[place.pk])).content.decode()
    assert "<b>" not in page
    assert 'href="javascript:' not in page


def test_go_cve_2023_29409_a_huge_key_is_refused_when_it_is_read(place: Namespace) -> None:
    """Go verified signatures of RSA keys of any size."""
    pem = authority("Line A", at=AT).issue("Large", ca=True, key="RSA 16384").pem.decode()
    began = time.process_time()
    form = {"name": "large", "pem": pem, "description": "", "team": ""}
    answer = signed_in(owner_of(place)).post(reverse("certificates:ca_certificate_upload", args=[place.pk]), form)
    assert answer.status_code == 422
    assert "key-too-large" in answer.content.decode()
    assert time.process_time() - began < 5
