"""The variables PORTAL_SSO_…, and what `manage.py check_deployment` says about them."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from portal.models import Team
from portal.single_sign_on.checks import single_sign_on
from portal.single_sign_on.configuration import MICROSOFT_GRAPH, is_secure, read_configuration
from portal.single_sign_on.mapping import Grant, read_mapping
from tests.portal.single_sign_on.tampering import DISCOVERY, Away, Changed, in_json, other_issuer
from tests.support.servers.identity_provider import ROOT, IdentityProvider

GROUP = "8d5f2c7e-0b1a-4f3c-9d2e-6a7b8c9d0e1f"
ENTRA = "https://login.microsoftonline.com/8d5f2c7e-0b1a-4f3c-9d2e-6a7b8c9d0e1f/v2.0"


def test_entra_id_needs_few_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the portal\n")
    monkeypatch.setenv("PORTAL_SSO_ISSUER", ENTRA)
    monkeypatch.setenv("PORTAL_SSO_CLIENT_ID", "portal")
    monkeypatch.setenv("PORTAL_SSO_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("PORTAL_SSO_GROUPS", json.dumps({GROUP.upper(): {"teams": ["Line 1"]}}))
    found = read_configuration()
    assert found is not None
    assert (found.name, found.client_secret, found.graph_url) == ("Entra ID", "of the portal", MICROSOFT_GRAPH)
    assert found.scopes == ("openid", "profile", "email", "User.Read")
    assert found.groups == {GROUP: Grant(("Line 1",))}
    assert "of the portal" not in repr(found)


def test_another_provider_has_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_SSO_ISSUER", "https://keycloak.example/realms/contoso")
    found = read_configuration()
    assert found is not None
    assert (found.name, found.graph_url, found.uses_object_ids) == ("keycloak.example", "", False)
    assert "User.Read" not in found.scopes


@pytest.mark.parametrize(
    "issuer", ["login.example", "ftp://login.example", "https://", "https://a.example/?x=1", "https://" + "a" * 200]
)
def test_a_malformed_issuer_is_named(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("PORTAL_SSO_ISSUER", issuer)
    with pytest.raises(ImproperlyConfigured, match="PORTAL_SSO_ISSUER"):
        read_configuration()


def test_the_mapping_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "groups.json"
    path.write_text('{"/line-a": {"administrator": true}}')
    assert read_mapping(str(path)) == {"/line-a": Grant(administrator=True)}
    assert read_mapping("") == {}


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        "/no/such/file",
        '{"a": []}',
        '{"a": {}}',
        '{"a": {"teams": "Line 1"}}',
        '{"a": {"teams": [1]}}',
        '{"a": {"team": ["Line 1"]}}',
        '{"a": {"administrator": "false"}}',
        '{"a": {"administrator": true}, "a": {"teams": []}}',
        '{"": {"administrator": true}}',
        f'{{"{GROUP}": {{"teams": ["A"]}}, "{GROUP.upper()}": {{"teams": ["B"]}}}}',
    ],
)
def test_a_malformed_mapping_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORTAL_SSO_GROUPS"):
        read_mapping(value)


@pytest.mark.parametrize(
    ("url", "anywhere", "in_production"),
    [
        ("https://login.example/", True, True),
        ("http://127.0.0.1:8100", True, False),
        ("http://[::1]:8100", True, False),
        ("http://localhost:8100", True, False),
        ("http://login.example/", False, False),
        ("http://127.0.0.1.login.example/", False, False),
        ("javascript:alert(1)", False, False),
        ("https://", False, False),
    ],
)
def test_only_https_is_secure_apart_from_this_machine(url: str, anywhere: bool, in_production: bool) -> None:
    assert is_secure(url, in_production=False) is anywhere
    assert is_secure(url, in_production=True) is in_production


# check_deployment


def codes() -> set[str]:
    return {found.code for found in single_sign_on()}


def test_a_sound_configuration_has_no_shortcomings(provider: IdentityProvider, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    assert codes() == set()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"client_id": "portal", "client_secret": ""}, "sso_secret_missing"),
        ({"issuer": "http://login.example"}, "sso_not_https"),
        ({"groups": {}}, "sso_groups_missing"),
        ({"groups": {"Line A engineers": Grant(("Line 1",))}}, "sso_group_not_an_id"),
        ({"groups": {GROUP: Grant(("Line 9",))}}, "sso_team_unknown"),
        ({"ca": ""}, "sso_discovery_unreachable"),
    ],
)
def test_each_shortcoming_of_single_sign_on_is_found(
    provider: IdentityProvider, settings: Any, changed: dict[str, Any], code: str
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SINGLE_SIGN_ON = provider.configuration(**changed)
    assert code in codes()


def test_a_provider_that_is_away_or_another_is_found(provider: IdentityProvider, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    with provider.tampered(Away("/")):
        assert codes() == {"sso_discovery_unreachable"}
    with provider.tampered(Changed(DISCOVERY, response=in_json(other_issuer))):
        assert codes() == {"sso_discovery_issuer"}


def test_other_algorithms_are_found(provider: IdentityProvider, settings: Any) -> None:
    def only_es256(content: dict[str, Any]) -> None:
        content["id_token_signing_alg_values_supported"] = ["ES256"]

    settings.ALLOWED_HOSTS = []
    with provider.tampered(Changed(DISCOVERY, response=in_json(only_es256))):
        assert codes() == {"sso_algorithm"}


def test_a_redirect_uri_that_is_not_registered_is_found(provider: IdentityProvider, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "portal.example"]
    found = list(single_sign_on())
    assert [each.code for each in found] == ["sso_redirect_uri"]
    assert "http://portal.example/sign-in/sso/callback/" in found[0].problem


@pytest.mark.django_db
def test_without_any_way_to_sign_in_there_is_an_error(settings: Any) -> None:
    assert codes() == set()
    settings.LOCAL_ACCOUNTS = False
    assert codes() == {"sso_missing"}


def test_teams_are_matched_by_their_whole_name(provider: IdentityProvider, settings: Any) -> None:
    Team.objects.create(name="line 7")
    settings.ALLOWED_HOSTS = []
    settings.SINGLE_SIGN_ON = provider.configuration(groups={GROUP: Grant(("Line 7",))})
    assert codes() == {"sso_team_unknown"}


def test_production_installs_no_identity_provider() -> None:
    """The extra that only the demo's provider needs is a development dependency, and its app is not the portal's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = str(project["project"]["dependencies"]) + str(project["project"]["optional-dependencies"])
    assert "idp-oidc" not in needed
    assert "idp-oidc" in str(project["dependency-groups"]["dev"])
    assert not any(app.startswith("allauth.idp") for app in django_settings.INSTALLED_APPS)
