"""Advisories of neighbours that single sign-on must not repeat, each by its name.

The hostile claims have the provider's own signature: whoever manages a directory may choose names and groups.
"""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from django.test import Client as Browser
from django.urls import reverse

from portal.demo.identity_provider.people import LINE_A, object_id
from portal.models import Activity, Team, User
from portal.single_sign_on.mapping import Grant
from tests.portal.single_sign_on.signing import bring, reason_of, sign_in, start
from tests.portal.single_sign_on.tampering import DISCOVERY, GRAPH, KEYS, TOKEN, Changed, claims_of, in_json
from tests.portal.single_sign_on.tampering import header_of as kid_of
from tests.support.certificates.seeded_keys import rsa_key
from tests.support.database.factories import make_admin
from tests.support.servers.identity_provider import CLIENTS, IdentityProvider
from tests.support.servers.tls_proxy import Message, Tampering

HOSTILE = "\"><script>alert('x')</script>{{ 7|add:7 }}"


def with_claims(**claims: Any) -> Tampering:
    """Change claims of the ID token, and sign it with the provider's key. None removes a claim."""

    def change(content: dict[str, Any]) -> None:
        changed = claims_of(content["id_token"]) | claims
        kept = {name: value for name, value in changed.items() if value is not None}
        key = rsa_key(2048, "identity provider")
        content["id_token"] = jwt.encode(kept, key, algorithm="RS256", headers=kid_of(content["id_token"]))

    return Changed(TOKEN, response=in_json(change))


def sign_in_with(provider: IdentityProvider, tampering: Tampering, username: str = "ann", **options: Any) -> Any:
    browser = options.get("browser") or Browser()
    url = start(browser)
    with provider.tampered(tampering):
        return bring(browser, provider.answer(username, url))


def elsewhere(target: str) -> Callable[[Message], None]:
    def change(message: Message) -> None:
        message.start = "HTTP/1.1 307 Temporary Redirect"
        message.set_header("Location", target)
        message.body = b""

    return change


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS, GRAPH])
def test_lemur_ghsa_v2wp_frmc_5q3v_no_redirect_is_followed(provider: IdentityProvider, path: str) -> None:
    """Lemur closed its requests to inner addresses when a URL was entered, but followed redirects to them."""
    asked: list[str] = []

    class Watching(Changed):
        def request(self, path: str, message: Message) -> None:
            asked.append(path)

    tampering = Watching(path, response=elsewhere(f"{provider.url}/inner"))
    answer = sign_in_with(provider, tampering, "olga")
    assert reason_of(answer)
    assert path in asked
    assert "/inner" not in asked


def test_lemur_ghsa_54vg_pfh7_jq95_urls_in_tokens_are_not_fetched(
    provider: IdentityProvider, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Lemur fetched URLs inside certificates. Here they are in `_claim_sources`, `jku` and `x5u`."""
    asked: list[str] = []
    source = {"src1": {"endpoint": f"{provider.url}/inner"}}
    hostile = with_claims(groups=None, _claim_names={"groups": "src1"}, _claim_sources=source, iss=provider.url)

    class Watching(Tampering):
        def request(self, path: str, message: Message) -> None:
            asked.append(path)

        def response(self, path: str, message: Message) -> None:
            hostile.response(path, message)

    assert sign_in_with(provider, Watching()).status_code == 302
    assert GRAPH in asked
    assert "/inner" not in asked
    assert set(Team.objects.filter(members__isnull=False).values_list("name", flat=True)) == {"Line 1"}


def test_lemur_ghsa_6c8m_q6g9_vrw3_the_secret_is_never_shown(
    provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Lemur returned stored secrets."""
    caplog.set_level(logging.DEBUG)
    secret = CLIENTS[0]["secret"]
    assert isinstance(secret, str)
    browser = Browser()
    pages = [sign_in(provider, "ann", browser), browser.get(reverse("portal:account"))]
    pages.append(bring(browser, "/sign-in/sso/callback/?code=x&state=y"))
    shown = b"".join(page.content for page in pages).decode() + caplog.text
    shown += str(list(Activity.objects.values())) + repr(provider.configuration())
    assert secret not in shown
    assert json.dumps(secret)[1:-1] not in shown


@pytest.mark.parametrize("groups", [None, [], ["*"], ["%"], [""], [HOSTILE]])
def test_lemur_ghsa_g7p5_89mh_248h_without_known_groups_there_are_no_rights(
    provider: IdentityProvider, groups: Any
) -> None:
    """Lemur's checks of roles were absent or failed open."""
    assert sign_in_with(provider, with_claims(groups=groups)).status_code == 302
    user = User.objects.get()
    assert not user.teams.exists()
    assert not user.is_superuser


def test_lemur_1_7_0_names_are_bounded(provider: IdentityProvider) -> None:
    """Lemur could be kept busy by the name in a certificate."""
    long = "n" * 20_000
    claims = {"preferred_username": long, "given_name": long, "family_name": long, "email": f"{long}@contoso.example"}
    assert sign_in_with(provider, with_claims(**claims)).status_code == 302
    user = User.objects.get()
    assert (len(user.username), len(user.first_name), user.email) == (150, 150, "")
    assert reason_of(sign_in_with(provider, with_claims(sub=long))) == "answer"
    assert reason_of(sign_in_with(provider, with_claims(padding="x" * 250_000))) == "answer"
    browser = Browser()
    location = provider.answer("ann", start(browser))
    assert reason_of(bring(browser, f"{location}&code={long}")) == "answer"


def test_netbox_22675_hostile_names_and_errors_are_only_text(provider: IdentityProvider) -> None:
    """NetBox showed names, URL schemes and the text of exceptions unescaped."""
    claims = {
        "name": HOSTILE,
        "given_name": HOSTILE,
        "family_name": "",
        "preferred_username": HOSTILE,
        "email": HOSTILE,
    }
    browser = Browser()
    assert sign_in_with(provider, with_claims(**claims), browser=browser).status_code == 302
    text = browser.get(reverse("portal:account")).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    query = f"error=invalid_request&error_description={HOSTILE}&state={HOSTILE}"
    refused = Browser().get(f"{reverse('portal:sso_callback')}?{query}").content.decode()
    assert "alert(" not in refused


def test_netbox_22513_the_actor_of_an_entry_is_not_what_the_answer_says(provider: IdentityProvider) -> None:
    """NetBox let the author of an audit entry be edited. Here somebody calls themselves as an administrator is called."""
    admin = make_admin()
    sign_in_with(provider, with_claims(preferred_username="somebody", given_name="admin", family_name=""))
    assert not Activity.objects.filter(actor=admin).exists()
    assert Activity.objects.get(verb="Sign in").actor == User.objects.get(username="somebody")


@pytest.mark.parametrize("part", [slice(0, 8), slice(None, -1), slice(1, None)])
def test_ucm_2_213_only_the_whole_id_of_a_group_counts(provider: IdentityProvider, settings: Any, part: slice) -> None:
    """UCM compared owners by the beginning of their names."""
    group = object_id(LINE_A)
    assert sign_in_with(provider, with_claims(groups=[group[part], f"{group}0", f"x{group}"])).status_code == 302
    assert not User.objects.get().teams.exists()
    settings.SINGLE_SIGN_ON = provider.configuration(groups={group[part]: Grant(("Line 1",))})
    assert sign_in(provider, "ann").status_code == 302
    assert not User.objects.get().teams.exists()


def test_emqx_10992_a_removed_group_ends_what_it_gave(provider: IdentityProvider) -> None:
    """EMQX kept the session of a credential that was removed. Rights are read with each request, also of older sessions."""
    older = Browser()
    sign_in_with(provider, with_claims(groups=[object_id("Portal administrators")]), browser=older)
    connect = reverse("namespaces:namespace_connect")
    assert older.get(connect).status_code == 200
    sign_in_with(provider, with_claims(groups=[]))
    assert older.get(connect).status_code == 403
    User.objects.update(is_active=False)
    assert urlsplit(older.get(connect).headers["Location"]).path == reverse("portal:sign_in")
