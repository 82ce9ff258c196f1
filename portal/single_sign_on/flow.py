"""The two halves of a sign-in: the way to the provider, and the answer that the browser brings back."""

import secrets
from typing import Any
from urllib.parse import urlencode

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.single_sign_on import tokens
from portal.single_sign_on.accounts import admit
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.endpoints import discover, redeem, signing_keys
from portal.single_sign_on.groups import groups_of
from portal.single_sign_on.provider import Provider
from portal.single_sign_on.refusals import Refusal

LONGEST_CODE = 8_000  # characters
CANCELLED = ("access_denied", "login_required", "interaction_required", "consent_required")


def callback_url(request: HttpRequest) -> str:
    """Return the redirect URI, which has to be registered at the provider."""
    return request.build_absolute_uri(reverse("portal:sso_callback"))


def start(request: HttpRequest, configuration: SingleSignOn, *, back: str) -> str:
    """Begin a sign-in in the session of this browser, and return the provider's URL where it continues.

    `back`: the page of the portal to open afterwards, already checked to be one.

    Raises:
        Refusal: the provider does not answer.
    """
    endpoint = discover(configuration).authorization
    provider = _provider(request, configuration)
    proof = provider.get_pkce_params()
    nonce = secrets.token_urlsafe(24)
    state = provider.stash_redirect_state(
        request, AuthProcess.LOGIN, next_url=back, pkce_code_verifier=proof["code_verifier"], nonce=nonce
    )
    asked = {
        "response_type": "code",
        "client_id": configuration.client_id,
        "redirect_uri": callback_url(request),
        "scope": " ".join(configuration.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": proof["code_challenge"],
        "code_challenge_method": proof["code_challenge_method"],
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def finish(request: HttpRequest, configuration: SingleSignOn) -> HttpResponse:
    """Sign in the user of a verified answer, and return a redirect to where they wanted to go.

    Raises:
        Refusal: the answer is not one, or its user may not sign in.
    """
    state = _take_state(request, configuration)
    code = _code(request, configuration)
    endpoints = discover(configuration)
    verifier = str(state.get("pkce_code_verifier", ""))
    answer = redeem(configuration, endpoints.token, code=code, verifier=verifier, callback=callback_url(request))
    claims = tokens.verify(
        answer.get("id_token"),
        signing_keys(configuration, endpoints.keys),
        configuration,
        nonce=str(state.get("nonce", "")),
        at=tokens.clock(),
    )
    groups = groups_of(claims, configuration, userinfo_url=endpoints.userinfo, access_token=answer.get("access_token"))
    admit(configuration, claims, groups)
    login = _provider(request, configuration).sociallogin_from_response(request, {"id_token": claims})
    login.state = {"process": AuthProcess.LOGIN, "next": state.get("next", "")}
    response: HttpResponse = complete_social_login(request, login)
    return response


def _take_state(request: HttpRequest, configuration: SingleSignOn) -> dict[str, Any]:
    """Return what this browser's session keeps of the sign-in, which can be used once."""
    state_id = request.GET.get("state", "")
    state = statekit.unstash_state(request, provider_id=configuration.issuer, state_id=state_id) if state_id else None
    if state is None:
        raise Refusal("state")
    return dict(state)


def _code(request: HttpRequest, configuration: SingleSignOn) -> str:
    if request.GET.get("iss", configuration.issuer) != configuration.issuer:  # RFC 9207: from another provider
        raise Refusal("issuer")
    error = request.GET.get("error", "")
    if error in CANCELLED:
        raise Refusal("cancelled")
    code = request.GET.get("code", "")
    if error or not 0 < len(code) <= LONGEST_CODE:
        raise Refusal("answer", "it has no code")
    return code


def _provider(request: HttpRequest, configuration: SingleSignOn) -> Provider:
    provider: Provider = get_adapter().get_provider(request, configuration.issuer)
    return provider
