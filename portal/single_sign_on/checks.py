"""Whether single sign-on will work, for `manage.py check_deployment`."""

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse

from portal.models import Team
from portal.registry import Shortcoming
from portal.single_sign_on.configuration import SingleSignOn, is_secure
from portal.single_sign_on.endpoints import Endpoints, discover, request
from portal.single_sign_on.mapping import is_object_id
from portal.single_sign_on.refusals import Refusal
from portal.single_sign_on.tokens import ALGORITHM


def single_sign_on() -> Iterable[Shortcoming]:
    """Yield what keeps users from signing in at the identity provider, or from the rights that its groups grant."""
    configuration: SingleSignOn | None = settings.SINGLE_SIGN_ON
    if configuration is None:
        if not settings.LOCAL_ACCOUNTS:
            yield Shortcoming(
                "error",
                "sso_missing",
                "PORTAL_LOCAL_ACCOUNTS is false, and there is no single sign-on: only emergency accounts can sign in.",
                "Set PORTAL_SSO_ISSUER and its neighbours, or remove PORTAL_LOCAL_ACCOUNTS.",
            )
        return
    yield from _client(configuration)
    yield from _mapping(configuration)
    if is_secure(configuration.issuer, in_production=settings.PRODUCTION):
        yield from _provider(configuration)
    else:
        yield Shortcoming(
            "error",
            "sso_not_https",
            f"PORTAL_SSO_ISSUER is {configuration.issuer}: without TLS, anybody in between can sign in as anybody.",
            "Use the https URL of the issuer.",
        )


def _client(configuration: SingleSignOn) -> Iterator[Shortcoming]:
    if not configuration.client_id:
        yield Shortcoming(
            "error",
            "sso_client_id_missing",
            "PORTAL_SSO_CLIENT_ID is not set.",
            "Set it to the application (client) ID of the app registration.",
        )
    if not configuration.client_secret:
        yield Shortcoming(
            "error",
            "sso_secret_missing",
            "PORTAL_SSO_CLIENT_SECRET is not set.",
            "Create a client secret at the provider, and set PORTAL_SSO_CLIENT_SECRET_FILE to a file with its value.",
        )


def _mapping(configuration: SingleSignOn) -> Iterator[Shortcoming]:
    if not configuration.groups:
        yield Shortcoming(
            "warning",
            "sso_groups_missing",
            "PORTAL_SSO_GROUPS is not set: users who sign in are in no team.",
            "Map the groups of the provider to teams: docs/production.md.",
        )
    names = [group for group in configuration.groups if configuration.uses_object_ids and not is_object_id(group)]
    if names:
        yield Shortcoming(
            "error",
            "sso_group_not_an_id",
            f"PORTAL_SSO_GROUPS names {_some(names)}, but Entra ID sends object IDs: names are not unique there.",
            "Use the object ID of the group.",
        )
    wanted = {team for grant in configuration.groups.values() for team in grant.teams}
    try:
        missing = sorted(wanted - set(Team.objects.filter(name__in=wanted).values_list("name", flat=True)))
    except DatabaseError:
        return  # reported by the check of the database
    if missing:
        yield Shortcoming(
            "error",
            "sso_team_unknown",
            f"PORTAL_SSO_GROUPS names teams that do not exist: {_some(missing)}.",
            "Create the teams, or correct their names. Until then, these groups grant nothing.",
        )


def _provider(configuration: SingleSignOn) -> Iterator[Shortcoming]:
    try:
        endpoints = discover(configuration, anew=True)
    except Refusal as fault:
        yield Shortcoming(
            "error",
            f"sso_discovery_{fault.code}",
            f"The description of the identity provider cannot be used: {fault.sentence(configuration.name)}",
            "Check PORTAL_SSO_ISSUER (as the provider spells it), the network, and PORTAL_SSO_CA.",
        )
        return
    if endpoints.algorithms and ALGORITHM not in endpoints.algorithms:
        yield Shortcoming(
            "error",
            "sso_algorithm",
            f"{configuration.name} signs with {_some(endpoints.algorithms)}, and the portal accepts {ALGORITHM} only.",
            f"Let the provider sign ID tokens with {ALGORITHM}.",
        )
    for host in settings.ALLOWED_HOSTS:
        if host != "*" and not host.startswith("."):
            yield from _redirect_uri(configuration, endpoints, host)


def _redirect_uri(configuration: SingleSignOn, endpoints: Endpoints, host: str) -> Iterator[Shortcoming]:
    """Ask the provider to sign in nobody: it answers to a redirect URI only if it knows it."""
    callback = f"{'https' if settings.PORTAL_HTTPS else 'http'}://{host}{reverse('portal:sso_callback')}"
    asked = {
        "response_type": "code",
        "client_id": configuration.client_id,
        "redirect_uri": callback,
        "scope": "openid",
        "state": "check",
        "nonce": "check",
        "prompt": "none",
    }
    separator = "&" if "?" in endpoints.authorization else "?"
    try:
        location = request(configuration, "GET", f"{endpoints.authorization}{separator}{urlencode(asked)}").location
    except Refusal:
        location = ""
    if location.partition("?")[0] != callback or "state" not in parse_qs(urlsplit(location).query):
        yield Shortcoming(
            "warning",
            "sso_redirect_uri",
            f"{configuration.name} did not confirm that it knows the redirect URI {callback}.",
            "Register it at the provider, as the type “Web”, if users open the portal under this name.",
        )


def _some(names: Iterable[str]) -> str:
    held = list(names)
    return ", ".join(held[:5]) + (" …" if len(held) > 5 else "")
