"""Shared attempts: what a link shows, to whom, and when it is dead."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.reading import to_azure_pem
from lab.actions.shared_attempts import end_shared_attempts, set_public_links, share_attempt
from lab.models import AttemptSharing, SharedAttempt
from namespaces.access import get_namespace
from namespaces.connections.attempts import attempt_at
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, Namespace
from namespaces.rules.errors import RuleError
from portal.logs import hide_secrets
from portal.models import Activity, User
from sync.models import HIDDEN_NAME
from tests.certificates.authentication.test_engine_table import decide
from tests.certificates.shared_cases import read_case
from tests.portal.test_hostile_strings import Page
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db

ROOT = authority("Plant Root CA", at=timezone.now())
LINE = ROOT.issue("Line 1 CA", ca=True, path_length=0)
OTHER_LINE = ROOT.issue("Zulu line CA", ca=True, path_length=0)


def take(
    namespace: Namespace,
    leaf: Identity,
    *,
    user_name: str = "press-1",
    chain: tuple[Identity, ...] = (),
    cursor: int = 1,
) -> None:
    """Let a device present this certificate, and the portal read the endpoint's log of it."""
    now = timezone.now().replace(microsecond=0)
    decision = authenticate(
        presented=leaf.der,
        chain=[each.der for each in chain],
        user_name=user_name,
        state=namespace_state(namespace),
        at=now,
    )
    record = {
        "cursor": cursor,
        "time": now.isoformat(),
        "operationName": "MICROSOFT.EVENTGRID/topicspaces/connect",
        "resultType": "Succeeded" if decision.accepted else "Failed",
        "resultSignature": decision.code,
        "resultDescription": decision.reason,
        "callerIpAddress": "192.0.2.77:50123",
        "properties": {"sessionName": f"{user_name}-session", "protocol": "MQTT5"},
        "userName": user_name,
        "presentedChain": [to_azure_pem(each.der) for each in (leaf, *chain)],
        "decision": decision.as_dict(),
        "clientName": decision.client.name if decision.client else "",
        "caName": decision.anchor,
    }
    ConnectionIntake().take(namespace.pk, [record], cursor)


class Place:
    """A namespace with two teams. Ada of Line 1 shares; Zed of team Zulu owns what she must not give away."""

    def __init__(self) -> None:
        self.ada, self.zed = make_user("ada"), make_user("zed")
        self.line, self.zulu = make_team("Line 1", self.ada), make_team("Zulu", self.zed)
        self.namespace = make_namespace("factory", contributor=self.ada)
        make_client(self.namespace, "press-1", team=self.line)
        make_ca_certificate(self.namespace, "line-1", der=LINE.der, team=self.line)
        make_client(self.namespace, "zulu-press", authentication_name="zulu-1", team=self.zulu)
        make_ca_certificate(self.namespace, "zulu-ca", der=OTHER_LINE.der, team=self.zulu)
        self.browser = signed_in(self.ada)

    def as_seen(self, user: User | None = None) -> Namespace:
        return get_namespace(user or self.ada, self.namespace.pk)

    def share_url(self, cursor: int = 1) -> str:
        return reverse("lab:share", args=[self.namespace.pk, cursor])

    def share(self, cursor: int = 1, **fields: str) -> str:
        """Share an attempt on the page, and return the path of the link."""
        answer = self.browser.post(self.share_url(cursor), {"days": "7", **fields})
        assert answer.status_code == 200, answer.content.decode()
        found = re.search(r'id="shared-address">http://testserver(/[^<]+)<', answer.content.decode())
        assert found is not None
        return found[1]

    def allow_public(self) -> None:
        AttemptSharing.objects.create(namespace=self.namespace, allows_public=True)


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_link_shows_a_frozen_copy(place: Place) -> None:
    sensor = LINE.issue("press-1")
    take(place.namespace, sensor)
    link = place.share()
    Client.objects.filter(name="press-1").update(validation_scheme="ThumbprintMatch")  # later changes do not count
    reader = signed_in(make_user("reader"))  # without a role in the namespace
    answer = reader.get(link)
    text = answer.content.decode()
    assert 'data-verdict="accepted"' in text
    assert 'data-step="chain-verified"' in text
    assert "press-1" in text
    assert "192.0.2.77" not in text
    assert place.namespace.name not in text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "no-store" in answer.headers["Cache-Control"]
    row = SharedAttempt.objects.get()
    secret = link.split("/")[-2]
    assert len(secret) >= 22  # 128 bits in base64
    assert secret not in json.dumps(list(SharedAttempt.objects.values("secret_hash", "frozen", "case")))
    assert row.frozen["thumbprint"] == sensor.thumbprint
    entries = Activity.objects.filter(kind="lab.sharedattempt")
    assert [(each.verb, "press" in each.object_name) for each in entries] == [("Share attempt", False)]


def test_the_link_is_in_no_log_line(place: Place) -> None:
    take(place.namespace, LINE.issue("press-1"))
    secret = place.share().split("/")[-2]
    for line in (
        f"Not Found: /lab/shared/{secret}/",
        f"GET /lab/shared/{secret}/case.json",
        f"?next=/lab%2Fshared%2F{secret}",
    ):
        assert secret not in hide_secrets(line)


def test_a_refused_attempt_has_its_fix_and_both_files(place: Place, tmp_path: Path) -> None:
    take(place.namespace, ROOT.issue("Unknown CA", ca=True).issue("press-1"))
    link = place.share()
    text = place.browser.get(link).content.decode()
    assert 'data-verdict="issuer-found"' in text
    assert 'data-fix="issuer-found"' in text
    file = place.browser.get(f"{link}attempt.json")
    assert file.headers["Content-Disposition"] == 'attachment; filename="attempt.json"'
    assert "noindex" in file.headers["X-Robots-Tag"]
    assert file.json()["format"] == "shared-attempt/1"
    assert [step["outcome"] for step in file.json()["steps"]].count("failed") == 1
    case = read_case(place.browser.get(f"{link}case.json").json())
    assert case.fails_at == "issuer-found"
    assert case.at is not None
    assert decide(case, at=case.at).code == "issuer-found"


@pytest.mark.parametrize("sent", [(), (LINE,)], ids=["leaf alone", "with its chain"])
def test_an_accepted_attempt_is_a_test_case(place: Place, sent: tuple[Identity, ...]) -> None:
    take(place.namespace, LINE.issue("press-1"), chain=sent)
    case = read_case(place.browser.get(f"{place.share()}case.json").json())
    assert case.at is not None
    decision = decide(case, at=case.at)
    assert (case.fails_at, decision.accepted, decision.anchor) == ("", True, "line-1")


def test_an_attempt_that_depends_on_another_teams_ca_is_no_test_case(place: Place) -> None:
    take(place.namespace, OTHER_LINE.issue("press-1"))
    link = place.share()
    assert place.browser.get(f"{link}case.json").status_code == 404
    assert "case.json" not in place.browser.get(link).content.decode()


def test_names_of_other_teams_are_not_shared(place: Place) -> None:
    """The trace names another team's CA certificate as anchor, and its client in an advice; Ada sees both, her readers do not."""
    take(place.namespace, OTHER_LINE.issue("press-1"))
    assert "zulu-ca" in json.dumps(attempt_at(place.as_seen(), 1).record)  # type: ignore[union-attr]
    take(place.namespace, LINE.issue("zulu-1"), cursor=2)
    for cursor in (1, 2):
        link = place.share(cursor)
        for answer in (place.browser.get(link), place.browser.get(f"{link}attempt.json")):
            assert "zulu-ca" not in answer.content.decode().lower()
            assert "zulu-press" not in answer.content.decode().lower()
    assert SharedAttempt.objects.get(cursor=1).frozen["anchor"] == HIDDEN_NAME


def test_an_attempt_of_another_teams_client_cannot_be_shared(place: Place) -> None:
    take(place.namespace, LINE.issue("zulu-1"), user_name="zulu-1")
    assert place.browser.get(place.share_url()).status_code == 403
    assert place.browser.post(place.share_url(), {"days": "7"}).status_code == 403
    attempt = attempt_at(place.as_seen(), 1)
    assert attempt is not None
    with pytest.raises(RuleError):
        share_attempt(place.ada, attempt=attempt, lives=timedelta(days=1), is_public=False)
    assert not SharedAttempt.objects.exists()


def test_a_hidden_attempt_is_not_found(place: Place) -> None:
    Namespace.objects.update(hides_other_teams=True)
    take(place.namespace, LINE.issue("zulu-1"), user_name="zulu-1")
    assert place.browser.get(place.share_url()).status_code == 404


def test_no_account_is_needed_only_where_both_say_so(place: Place) -> None:
    take(place.namespace, LINE.issue("press-1"))
    anyone = Browser()
    answer = place.browser.post(place.share_url(), {"days": "7", "is_public": "on"})
    assert not SharedAttempt.objects.get().is_public  # the namespace does not allow it, and the field is not there
    assert answer.status_code == 200
    place.allow_public()
    private, public = place.share(), place.share(is_public="on")
    assert anyone.get(private).headers["Location"].startswith(reverse("portal:sign_in"))
    for path in ("", "attempt.json", "case.json"):
        assert anyone.get(public + path).status_code == 200
    assert 'data-verdict="accepted"' in anyone.get(public).content.decode()
    AttemptSharing.objects.update(allows_public=False)
    for path in ("", "attempt.json", "case.json"):
        answer = anyone.get(public + path)
        assert answer.status_code == 302
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    attempt = attempt_at(place.as_seen(), 1)
    assert attempt is not None
    with pytest.raises(RuleError) as refused:
        share_attempt(place.ada, attempt=attempt, lives=timedelta(days=1), is_public=True)
    assert refused.value.code == "no-public-links"


def test_a_link_is_dead_when_it_has_expired_or_its_owner_has_no_access(place: Place) -> None:
    take(place.namespace, LINE.issue("press-1"))
    place.allow_public()
    link = place.share(is_public="on")
    reader, anyone = signed_in(make_user("reader")), Browser()

    def is_alive() -> bool:
        statuses = {reader.get(link).status_code, anyone.get(link).status_code}
        assert statuses in ({200}, {404, 302})
        return statuses == {200}

    assert is_alive()
    roles = list(place.namespace.roles.all())
    place.namespace.roles.all().delete()
    assert not is_alive()
    place.namespace.roles.bulk_create(roles)
    assert is_alive()
    Client.objects.filter(name="press-1").update(team=place.zulu)  # no longer hers to share
    assert not is_alive()
    Client.objects.filter(name="press-1").update(team=place.line)
    User.objects.filter(pk=place.ada.pk).update(is_active=False)
    assert not is_alive()
    User.objects.filter(pk=place.ada.pk).update(is_active=True)
    SharedAttempt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not is_alive()
    SharedAttempt.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert end_shared_attempts(place.ada) == {"shared_attempts": 1}
    assert not is_alive()
    assert reader.get("/lab/shared/wrong/").status_code == 404


def test_the_list_has_ones_own_links_with_revoke(place: Place) -> None:
    take(place.namespace, LINE.issue("press-1"))
    link = place.share()
    row = SharedAttempt.objects.get()
    place.namespace.roles.create(user=place.zed, role="owner")
    other = signed_in(place.zed)
    url = reverse("lab:shared_list", args=[place.namespace.pk])
    assert f'data-shared="{row.pk}"' in place.browser.get(url).content.decode()
    assert f'data-shared="{row.pk}"' not in other.get(url).content.decode()
    revoke = reverse("lab:shared_revoke", args=[place.namespace.pk, row.pk])
    assert other.post(revoke).status_code == 404
    assert place.browser.post(revoke).status_code == 302
    assert place.browser.get(link).status_code == 404
    assert place.browser.post(revoke).status_code == 404


def test_owners_allow_links_without_an_account(place: Place) -> None:
    url = reverse("lab:shared_public", args=[place.namespace.pk])
    assert place.browser.post(url, {"allowed": "yes"}).status_code == 403
    with pytest.raises(RuleError):
        set_public_links(place.ada, namespace=place.as_seen(), allowed=True)
    place.namespace.roles.create(user=place.zed, role="owner")
    owner = signed_in(place.zed)
    assert 'data-public="no"' in owner.get(reverse("lab:shared_list", args=[place.namespace.pk])).content.decode()
    for allowed in ("yes", "no"):
        owner.post(url, {"allowed": allowed})
        assert AttemptSharing.objects.get().allows_public is (allowed == "yes")
    owner.post(url, {"allowed": "perhaps"})
    assert not AttemptSharing.objects.get().allows_public


def test_a_person_shares_at_most_a_hundred(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.actions.shared_attempts.MOST_SHARED", 1)
    take(place.namespace, LINE.issue("press-1"))
    place.share()
    assert place.browser.post(place.share_url(), {"days": "7"}).status_code == 422
    SharedAttempt.objects.update(expires_at=timezone.now())
    place.share()  # what has expired does not count, and is deleted
    assert SharedAttempt.objects.count() == 1


@pytest.mark.parametrize("days", ["", "0", "8", "x", "-1"])
def test_only_the_listed_periods(place: Place, days: str) -> None:
    take(place.namespace, LINE.issue("press-1"))
    answer = place.browser.post(place.share_url(), {"days": days})
    assert answer.status_code == 422
    assert 'id="id_days_error"' in answer.content.decode()
    assert not SharedAttempt.objects.exists()


def test_a_hostile_attempt_is_shown_as_text(place: Place) -> None:
    name = "\"'><hostile-tag onclick=hostile()></textarea>\u202edesrever\x1b[31m"
    take(place.namespace, LINE.issue("x", dns=["x.example"]), user_name=name)
    link = place.share()
    for url in (link, reverse("lab:shared_list", args=[place.namespace.pk]), place.share_url()):
        assert not Page(place.browser.get(url).content.decode()).harm, url


def test_a_key_in_the_log_is_not_shared(place: Place) -> None:
    """The import masks keys; a row of an older version may have one all the same."""
    take(place.namespace, LINE.issue("press-1"))
    attempt = attempt_at(place.as_seen(), 1)
    assert attempt is not None
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----"
    attempt.user_name = key
    share_attempt(place.ada, attempt=attempt, lives=timedelta(days=1), is_public=False)
    row: Any = SharedAttempt.objects.get()
    assert "MHcCAQEEIA" not in json.dumps([row.frozen, row.case])
