"""Bad answers of the identity provider: real ones, changed on the way by a proxy. Each is refused, recorded and counted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from portal.activity import SESSIONS
from portal.models import Activity, FailedSignIns, Membership, User
from portal.sign_in import records
from portal.single_sign_on import tokens
from tests.portal.single_sign_on.conftest import NOON
from tests.portal.single_sign_on.signing import bring, reason_of, sign_in, start
from tests.portal.single_sign_on.tampering import (
    AUTHORIZE,
    DISCOVERY,
    GRAPH,
    KEYS,
    TOKEN,
    USERINFO,
    Away,
    Changed,
    Together,
    as_another_client,
    as_another_user,
    from_another_issuer,
    in_json,
    in_location,
    in_url,
    insecure,
    not_an_object,
    other_issuer,
    signed_by_another_key,
    signed_with_own_key_inside,
    signed_with_public_key,
    signed_with_secret,
    unsigned,
    with_token,
    without_keys,
)
from tests.support.database.factories import PASSWORD, make_user
from tests.support.servers.identity_provider import IdentityProvider
from tests.support.servers.tls_proxy import Message, Tampering

FAULTS: dict[str, tuple[str, int, Tampering]] = {
    "state changed": ("state", 400, Changed(AUTHORIZE, response=in_location("state=[^&]*", "state=guessed"))),
    "state left out": ("state", 400, Changed(AUTHORIZE, response=in_location("state=[^&]*&?", ""))),
    "nonce of another sign-in": ("nonce", 400, Changed(AUTHORIZE, request=in_url("nonce=[^& ]*", "nonce=another"))),
    "no nonce": ("nonce", 400, Changed(AUTHORIZE, request=in_url("nonce=[^& ]*&", ""))),
    "signed for another issuer": ("issuer", 400, Changed(TOKEN, request=from_another_issuer)),
    "description of another issuer": ("issuer", 400, Changed(DISCOVERY, response=in_json(other_issuer))),
    "answer names another issuer": (
        "issuer",
        400,
        Changed(AUTHORIZE, response=in_location("$", "&iss=https%3A%2F%2Fevil.example")),
    ),
    "signed for another audience": (
        "audience",
        400,
        Together(
            Changed(AUTHORIZE, request=in_url("client_id=portal", "client_id=other")),
            Changed(TOKEN, request=as_another_client),
        ),
    ),
    "claims changed": ("signature", 400, with_token(as_another_user)),
    "signed by another key": ("signature", 400, with_token(signed_by_another_key)),
    "key in the header": ("signature", 400, with_token(signed_with_own_key_inside)),
    "no signing key": ("signature", 400, Changed(KEYS, response=in_json(without_keys))),
    "alg none": ("algorithm", 400, with_token(unsigned)),
    "HS256 with the client's secret": ("algorithm", 400, with_token(signed_with_secret)),
    "HS256 with the public key": ("algorithm", 400, with_token(signed_with_public_key)),
    "no ID token": ("answer", 400, with_token(lambda token: "")),
    "not a token": ("answer", 400, with_token(lambda token: "a.b.c")),
    "not JSON": ("answer", 400, Changed(TOKEN, response=not_an_object)),
    "proof of another browser (PKCE)": (
        "code",
        400,
        Changed(AUTHORIZE, request=in_url("code_challenge=[^& ]*", "code_challenge=" + "A" * 43)),
    ),
    "code changed": ("code", 400, Changed(AUTHORIZE, response=in_location("code=[^&]*", "code=guessed"))),
    "no code": ("answer", 400, Changed(AUTHORIZE, response=in_location("code=[^&]*&?", ""))),
    "an error": ("answer", 400, Changed(AUTHORIZE, response=in_location("code=[^&]*", "error=server_error"))),
    "cancelled": ("cancelled", 403, Changed(AUTHORIZE, response=in_location("code=[^&]*", "error=access_denied"))),
    "token endpoint without TLS": ("answer", 400, Changed(DISCOVERY, response=in_json(insecure))),
    "token endpoint away": ("unreachable", 503, Away(TOKEN)),
    "keys away": ("unreachable", 503, Away(KEYS)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_refused_recorded_and_counted(provider: IdentityProvider, fault: str) -> None:
    code, status, tampering = FAULTS[fault]
    browser = Browser(headers={"user-agent": "Test/1.0"})
    url = start(browser)
    with provider.tampered(tampering):
        answer = bring(browser, provider.answer("ann", url), REMOTE_ADDR="192.0.2.9")
    assert (reason_of(answer), answer.status_code) == (code, status)
    assert browser.get(reverse("portal:account")).status_code == 302, "and nobody is signed in"
    assert not User.objects.exists()
    records.record_failures(NOON + timedelta(minutes=2))
    entry = Activity.objects.get(kind=SESSIONS)
    assert entry.verb == "Refused single sign-on"
    assert entry.after == {"address": "192.0.2.9", "minute": NOON.isoformat(), "count": 1, "reason": code}
    counted = "sso_unavailable" if status == 503 else "sso_refused"
    assert records.counts()[counted] == 1


def test_an_answer_cannot_be_used_twice(provider: IdentityProvider) -> None:
    browser = Browser()
    location = provider.answer("ann", start(browser))
    assert bring(browser, location).status_code == 302
    assert reason_of(bring(browser, location)) == "state"


def test_after_a_bad_answer_the_next_attempt_works(provider: IdentityProvider) -> None:
    browser = Browser()
    assert reason_of(bring(browser, provider.answer("ann", start(browser)) + "&error=access_denied")) == "cancelled"
    assert sign_in(provider, "ann", browser).status_code == 302


def test_a_code_cannot_be_used_twice(provider: IdentityProvider) -> None:
    first, second = Browser(), Browser()
    location = provider.answer("ann", start(first))
    assert bring(first, location).status_code == 302
    used = parse_qs(urlsplit(location).query)["code"][0]
    url = start(second)
    with provider.tampered(Changed(AUTHORIZE, response=in_location("code=[^&]*", f"code={used}"))):
        answer = bring(second, provider.answer("ben", url))
    assert (reason_of(answer), answer.status_code) == ("code", 400)


def test_an_answer_belongs_to_the_browser_that_started(provider: IdentityProvider) -> None:
    """Otherwise an attacker could sign somebody else in to the attacker's account."""
    location = provider.answer("ann", start(Browser()))
    victim = Browser()
    start(victim)
    assert reason_of(bring(victim, location)) == "state"


def test_a_state_expires(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    location = provider.answer("ann", start(browser))
    monkeypatch.setattr("allauth.socialaccount.internal.statekit.STATE_TTL", -1)
    assert reason_of(bring(browser, location)) == "state"


@pytest.mark.parametrize(("seconds", "code"), [(-120, "clock"), (-50, ""), (330, ""), (400, "clock")])
def test_clocks_may_differ_by_a_minute(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, seconds: int, code: str
) -> None:
    """The provider's tokens are valid for five minutes. What it took to bring one here counts too, so margins are wide."""
    real = tokens.clock
    monkeypatch.setattr(tokens, "clock", lambda: real() + seconds)
    assert reason_of(sign_in(provider, "ann")) == code


def test_the_challenge_is_sha_256(provider: IdentityProvider) -> None:
    asked = parse_qs(urlsplit(start(Browser())).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert len(asked["nonce"][0]) >= 32
    assert asked["response_type"] == ["code"]


def test_with_the_provider_away_local_sign_in_works_and_the_page_says_why(provider: IdentityProvider) -> None:
    make_user("ada")
    browser = Browser()
    with provider.tampered(Away("/")):
        answer = browser.post(reverse("portal:sso_start"))
        assert (reason_of(answer), answer.status_code) == ("unreachable", 503)
        assert answer.headers["Retry-After"]
        assert reverse("portal:sign_in") in answer.content.decode()
        form = {"username": "ada", "password": PASSWORD}
        assert browser.post(reverse("portal:sign_in"), form).status_code == 302
    assert FailedSignIns.objects.get().reason == "unreachable"


def test_a_provider_that_is_away_is_asked_again_only_after_a_while(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Counting(Away):
        def is_away(self, path: str) -> bool:
            asked.append(path)
            return True

    with provider.tampered(Counting("/")):
        for _ in range(3):
            assert reason_of(Browser().post(reverse("portal:sso_start"))) == "unreachable"
    assert asked == [DISCOVERY]
    cache.clear()  # as time does
    assert sign_in(provider, "ann").status_code == 302


def test_starts_are_limited_by_address(provider: IdentityProvider, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"sso_start": "2/m/ip"}
    codes = [Browser().post(reverse("portal:sso_start"), REMOTE_ADDR="192.0.2.9").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert Browser().post(reverse("portal:sso_start"), REMOTE_ADDR="192.0.2.8").status_code == 200


def test_a_wrong_secret_is_named(provider: IdentityProvider, settings: Any) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration(client_secret="wrong")
    assert reason_of(sign_in(provider, "ann")) == "client"


def failing(message: Message) -> None:
    message.start = "HTTP/1.1 503 Service Unavailable"


def next_page(content: dict[str, Any]) -> None:
    content["@odata.nextLink"] = "https://evil.example/more"


def no_list(content: dict[str, Any]) -> None:
    content["value"] = "all"


@pytest.mark.parametrize(
    "tampering",
    [
        Away("/v1.0/"),
        Changed(GRAPH, response=failing),
        Changed(GRAPH, response=not_an_object),
        Changed(GRAPH, response=in_json(next_page)),
        Changed(GRAPH, response=in_json(no_list)),
    ],
    ids=["away", "status 503", "not JSON", "a next page", "no list"],
)
def test_with_graph_away_rights_are_neither_kept_nor_widened(provider: IdentityProvider, tampering: Tampering) -> None:
    sign_in(provider, "olga")
    browser = Browser()
    url = start(browser)
    with provider.tampered(tampering):
        answer = bring(browser, provider.answer("olga", url))
    assert (reason_of(answer), answer.status_code) == ("graph", 503)
    assert browser.get(reverse("portal:account")).status_code == 302
    assert Membership.objects.get().team.name == "Line 1", "what follows the provider waits for it"


def test_without_graph_too_many_groups_are_refused(provider: IdentityProvider, settings: Any) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration(graph_url="")
    assert reason_of(sign_in(provider, "olga")) == "graph"
    assert not User.objects.exists()


def test_graph_refuses_a_token_without_its_scope(provider: IdentityProvider, settings: Any) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration(scopes=("openid", "profile"))
    assert reason_of(sign_in(provider, "olga")) == "graph"


def about_another_user(content: dict[str, Any]) -> None:
    content["sub"] = "2"


def with_groups(value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["groups"] = value

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (about_another_user, "answer"),
        (with_groups(7), "groups"),
        (with_groups([{"id": "a"}]), "groups"),
        (with_groups(["x" * 300]), "groups"),
        (with_groups([f"{number}" for number in range(20_001)]), "groups"),
    ],
    ids=["about another user", "a number", "objects", "a long name", "too many"],
)
def test_groups_that_cannot_be_read_are_refused(
    provider: IdentityProvider, settings: Any, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration("by-userinfo", graph_url="")
    browser = Browser()
    url = start(browser)
    with provider.tampered(Changed(USERINFO, response=in_json(change))):
        answer = bring(browser, provider.answer("ann", url))
    assert reason_of(answer) == code
    assert not User.objects.exists()
