"""The decision service over HTTPS: answers, callers that are refused, keys that change, and changes in the database."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from certificates.actions.decision_rules.bindings import bind_issuer
from certificates.actions.decision_rules.revocations import release_certificate, revoke_certificate
from certificates.decisions.requests import MAX_BODY
from certificates.models import CACertificate
from certificates.x509.certificate import load_certificate
from namespaces.models import Client, DecisionPoint
from sync.actions import commit_change
from tests.certificates.decision_service.conftest import Asking, make_asking
from tests.certificates.decision_service.deciding import (
    KEY,
    NEXT_KEY,
    PROBER,
    TENANT,
    DecidingPortal,
    claims,
    signed,
)
from tests.support.database.factories import make_client, owner_of
from tests.support.waiting import until

ENOUGH = 30  # connections in a row; each of two processes takes some of them


@pytest.fixture
def database(deciding: DecidingPortal, django_db_blocker: Any) -> Iterator[None]:
    with deciding.database(django_db_blocker):
        yield


@pytest.fixture
def asking(deciding: DecidingPortal, database: None, request: pytest.FixtureRequest) -> Asking:
    """A namespace of the test's own."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:40].strip("-")
    made = make_asking(deciding, name)
    until(lambda: everywhere(made, 200), "each process knows the namespace")
    return made


def everywhere(asking: Asking, status: int, **expected: Any) -> bool:
    """Return whether many connections in a row get this answer: then every process gives it."""
    return all(_is(asking.ask(), status, expected) for _ in range(ENOUGH))


def _is(found: tuple[int, dict[str, Any]], status: int, expected: dict[str, Any]) -> bool:
    return found[0] == status and expected.items() <= found[1].items()


def test_a_decision_is_the_engines(asking: Asking) -> None:
    status, answer = asking.ask()
    assert status == 200
    assert answer.pop("expiration") == int(asking.device.certificate.not_valid_after_utc.timestamp())
    assert answer == {
        "decision": "allow",
        "clientAuthenticationName": asking.name,
        "attributes": {"line": 7, "tags": ["a"]},
    }
    for changes, step in (
        ({"clientCertificate": None, "clientCertificateChain": None}, "certificate-readable"),
        ({"clientCertificate": "hello"}, "certificate-readable"),
        ({"userName": None}, "authentication-name"),
        ({"userName": "x" * 5000}, "client-found"),
        ({"userName": "nobody", "password": "c2VjcmV0", "authenticationData": "c2VjcmV0"}, "client-found"),
    ):
        status, answer = asking.ask(**changes)
        assert (status, answer["decision"]) == (200, "deny"), changes
        assert step in answer["errorReason"]
    assert "c2VjcmV0" not in asking.portal.log()


def bad_tokens(portal: DecidingPortal) -> dict[str, tuple[str, str]]:
    good = signed(claims(portal))
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    other = "9d1f2b3c-0000-4a36-9a0e-3c6f0c1a2b3c"
    return {
        "none": ("", "token-missing"),
        "text": ("hello", "token-malformed"),
        "without signature": (f"{none}.{body}.", "token-algorithm"),
        "claims of another": (f"{head}.{head}.{signature}", "token-signature"),
        "another key": (signed(claims(portal), key=NEXT_KEY), "token-signature"),
        "expired": (signed(claims(portal, exp=1)), "token-expired"),
        "not yet valid": (signed(claims(portal, nbf=2**40)), "token-not-yet-valid"),
        "tenant": (signed(claims(portal, tid=other)), "token-tenant"),
        "issuer": (signed(claims(portal, iss=f"https://sts.windows.net/{TENANT}/")), "token-issuer"),
        "audience": (signed(claims(portal, aud="https://management.azure.com/")), "token-audience"),
        "principal": (signed(claims(portal, oid=other)), "token-principal"),
        "application only": (signed(claims(portal, oid=None)), "token-claims"),
        "prober": (signed(claims(portal, oid=PROBER)), "token-principal"),
        "huge": (signed(claims(portal, more="x" * 12_000)), "token-too-long"),
    }


def test_a_wrong_caller_is_refused_and_its_token_is_not_logged(asking: Asking) -> None:
    portal = asking.portal
    for case, (token, code) in bad_tokens(portal).items():
        status, answer, headers = portal.send(
            "POST", f"/decide/{asking.key}", json.dumps(asking.body()).encode(), {"Authorization": f"Bearer {token}"}
        )
        assert (status, answer) == (401, {"error": code}), case
        assert headers["www-authenticate"] == "Bearer"
        assert code in portal.log()
        for part in token.split("."):
            assert len(part) < 20 or part not in portal.log(), case
    assert portal.send("POST", f"/decide/{asking.key}", b"{}")[:2] == (401, {"error": "token-missing"})


def test_refusals_are_counted_not_logged_one_by_one(asking: Asking) -> None:
    portal, processes = asking.portal, 2
    head, body, signature = signed(claims(portal, oid=PROBER)).split(".")
    forged = f"{head}.{body}.{signature[::-1]}"  # as the portal's own check sends it
    for _ in range(ENOUGH):
        assert portal.ask(asking.key, asking.body(), token="none") == (401, {"error": "token-malformed"})
        assert portal.ask(asking.key, b"", token=forged, path="/probe") == (401, {"error": "token-signature"})
    about = [line for line in portal.log().splitlines() if f" {asking.namespace.name} " in line]
    warned = [line for line in about if "WARNING" in line]
    assert 0 < sum("token-malformed" in line for line in warned) <= processes
    assert [line for line in warned if "token-signature" in line] == []
    assert 0 < sum("token-signature" in line for line in about) <= processes


def test_a_broken_envelope_is_400(asking: Asking) -> None:
    for text, code in (
        (b"", "body-not-json"),
        (b"hello", "body-not-json"),
        (b"[]", "body-not-json"),
        (b'{"clientId":"a","clientId":"b"}', "body-not-json"),
        (b'{"a":' * 5000, "body-not-json"),
        (b"{}", "client-id-missing"),
        (b'{"clientId":1}', "field-type"),
        (json.dumps(asking.body(clientCertificate=[1])).encode(), "field-type"),
        (b" " * (MAX_BODY + 1), "body-too-large"),
    ):
        assert asking.portal.ask(asking.key, text) == (400, {"error": code}), text[:40]


def test_other_addresses_and_methods(asking: Asking) -> None:
    portal = asking.portal
    assert portal.ask("no-such-key", asking.body())[0] == 404
    assert portal.send("GET", "/")[0] == 404
    assert portal.send("POST", f"/decide/{asking.key}/more")[0] == 404
    status, _, headers = portal.send("GET", f"/decide/{asking.key}")
    assert (status, headers["allow"]) == (405, "POST")


def test_the_probe_takes_the_portals_own_principal_only(asking: Asking) -> None:
    portal = asking.portal
    good = signed(claims(portal, oid=PROBER))
    status, answer = portal.ask(asking.key, b"", token=good, path="/probe")
    assert (status, answer["ready"], answer["namespace"]) == (200, True, asking.namespace.name)
    assert answer["generation"] > 0
    assert portal.ask(asking.key, b"", path="/probe") == (401, {"error": "token-principal"})
    planned = signed(claims(portal, oid=PROBER, aud="api://planned"))
    assert portal.ask(asking.key, b"", token=planned, path="/probe")[0] == 401
    assert portal.ask(asking.key, {"audience": "api://planned"}, token=planned, path="/probe")[0] == 200


def test_each_process_follows_the_database(asking: Asking) -> None:
    row = asking.client()
    row.state = Client.ConnectionState.DISABLED
    change(asking, row)
    until(lambda: everywhere(asking, 200, decision="deny"), "each process refuses the disabled client")
    row.state = Client.ConnectionState.ENABLED
    change(asking, row)
    until(lambda: everywhere(asking, 200, decision="allow"), "each process takes the enabled client")
    with transaction.atomic():
        row.deleted_at = row.created_at
        change(asking, row)
        again = make_client(asking.namespace, "again", authentication_name="again")
        commit_change(owner_of(asking.namespace), row=again, verb="Create", before=None, after={}, scope_name="")
    until(lambda: everywhere(asking, 200, decision="deny"), "each process refuses the deleted client")
    assert "client-found" in asking.ask()[1]["errorReason"]
    assert "scheme-compared" in asking.ask(userName="again")[1]["errorReason"]
    point = DecisionPoint.objects.get(namespace=asking.namespace)
    point.principals = []
    point.save()
    until(lambda: everywhere(asking, 401, error="token-principal"), "each process refuses the former identity")
    point.delete()
    until(lambda: everywhere(asking, 404), "each process forgets the namespace")


def test_rules_take_effect_in_each_process(asking: Asking) -> None:
    """Revoked, released, and a CA that counts only for other names: each on the next CONNECT, although the device is remembered."""
    owner = owner_of(asking.namespace)
    leaf = load_certificate(asking.device.der)
    row = revoke_certificate(owner, namespace=asking.namespace, certificate=leaf, reason="keyCompromise")
    until(lambda: refused_everywhere(asking, "not-revoked"), "each process refuses the revoked certificate")
    release_certificate(owner, revoked=row)
    until(lambda: everywhere(asking, 200, decision="allow"), "each process takes it again")
    ca = CACertificate.objects.get(namespace=asking.namespace)
    bind_issuer(owner, ca=ca, teams=[], groups=[], patterns=["other-*"])
    until(lambda: refused_everywhere(asking, "issuer-vouches"), "each process knows for whom the CA vouches")


def refused_everywhere(asking: Asking, step: str) -> bool:
    return all(step in asking.ask()[1].get("errorReason", "") for _ in range(ENOUGH))


def change(asking: Asking, row: Client) -> None:
    commit_change(owner_of(asking.namespace), row=row, verb="Update", before={}, after={}, scope_name="")


def test_longest_session_ends_before_the_certificate(asking: Asking) -> None:
    DecisionPoint.objects.filter(namespace=asking.namespace).update(longest_session_seconds=600)
    not_after = int(asking.device.certificate.not_valid_after_utc.timestamp())
    until(lambda: asking.ask()[1]["expiration"] < not_after, "the longest session is known")


def test_keys_may_change_and_an_unknown_one_is_asked_for_seldom(asking: Asking) -> None:
    portal = asking.portal
    token = signed(claims(portal), key=NEXT_KEY, kid="k2")
    before = portal.authority.asked
    assert {portal.ask(asking.key, asking.body(), token=token)[0] for _ in range(ENOUGH)} == {401}
    assert portal.authority.asked - before <= 2  # one for each process
    assert everywhere(asking, 200)


def test_outages_of_authority_and_database(deciding: DecidingPortal, database: None, tmp_path: Path) -> None:
    """It decides from what it knows: the keys that were read last, and for a while the last state. Never without."""
    short = DecidingPortal(
        tmp_path / "short", processes=1, outage_seconds=1.5, keys=None, database=deciding.database_file
    )
    try:
        asking = make_asking(short, "outage")
        until(lambda: asking.ask() == (503, {"error": "keys-not-read"}), "the namespace is known")
        short.authority.keys = {"k1": KEY.public_key()}
        until(lambda: asking.ask()[0] == 200, "the keys are read")
        short.authority.keys = {"k2": NEXT_KEY.public_key()}
        assert asking.ask(token=signed(claims(short), key=NEXT_KEY, kid="k2"))[0] == 200
        assert asking.ask()[1] == {"error": "token-key-unknown"}  # the former key is withdrawn
        short.authority.keys = None
        token = signed(claims(short), key=NEXT_KEY, kid="k2")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE namespaces_decisionchange RENAME TO away")
        until(lambda: "does not answer" in short.log(), "the outage is noticed")
        until(lambda: asking.ask(token=token) == (503, {"error": "database-away"}), "the time is over")
        assert short.send("POST", f"/decide/{asking.key}", b"{}")[2]["retry-after"] == "5"
        assert short.send("GET", "/ready")[0] == 503
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO namespaces_decisionchange")
        until(lambda: asking.ask(token=token)[0] == 200, "it decides again")
    finally:
        assert short.stop() == 0
