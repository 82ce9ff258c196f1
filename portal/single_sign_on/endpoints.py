"""What the portal asks the identity provider and Microsoft Graph, over connections that are bounded in time and size."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache

from portal.single_sign_on.configuration import SingleSignOn, is_secure
from portal.single_sign_on.refusals import Refusal

SECONDS = 5.0  # for each step of a request; twice that for all of it
OUTAGE_SECONDS = 10  # without asking again: users who try a provider that hangs must not hold every web thread
LONGEST_ANSWER = 2_000_000  # bytes
DISCOVERY = "/.well-known/openid-configuration"
_PLAIN = re.compile(r"[!-~]{1,2000}")  # it becomes part of a header


@dataclass(frozen=True)
class Answer:
    """The status of an HTTP answer, its JSON object, empty where it has none, and where it redirects to."""

    status: int
    content: dict[str, Any]
    location: str = ""


@dataclass(frozen=True)
class Endpoints:
    """The URLs of the provider's own description, each of which `is_secure`."""

    authorization: str
    token: str
    keys: str
    userinfo: str  # "" where it has none
    algorithms: tuple[str, ...]


def discover(configuration: SingleSignOn, *, anew: bool = False) -> Endpoints:
    """Read the description of the provider. `anew`: without the memory of an outage.

    Raises:
        Refusal: it does not answer, calls itself by another name, or names URLs that are not secure.
    """
    outage = f"sso-outage:{hashlib.sha256(repr(configuration).encode()).hexdigest()[:32]}"
    if not anew and (why := cache.get(outage)):
        raise Refusal("unreachable", str(why))
    try:
        answer = request(configuration, "GET", configuration.issuer.rstrip("/") + DISCOVERY)
        if answer.status >= 500:
            raise Refusal("unreachable", f"status {answer.status}")
    except Refusal as fault:
        if not anew:
            cache.set(outage, fault.detail, OUTAGE_SECONDS)
        raise
    found = answer.content
    if answer.status != 200 or not found:
        raise Refusal("answer", f"its description has status {answer.status}")
    if found.get("issuer") != configuration.issuer:
        raise Refusal("issuer")
    algorithms = found.get("id_token_signing_alg_values_supported", [])
    return Endpoints(
        authorization=_url(found, "authorization_endpoint"),
        token=_url(found, "token_endpoint"),
        keys=_url(found, "jwks_uri"),
        userinfo=_url(found, "userinfo_endpoint") if found.get("userinfo_endpoint") else "",
        algorithms=tuple(each for each in algorithms if isinstance(each, str)) if isinstance(algorithms, list) else (),
    )


def redeem(configuration: SingleSignOn, endpoint: str, *, code: str, verifier: str, callback: str) -> dict[str, Any]:
    """Exchange the code of a sign-in for tokens. The secret goes into the form, so that it may contain any character.

    Raises:
        Refusal: the provider does not answer, or rejects the code or this client.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "client_id": configuration.client_id,
        "client_secret": configuration.client_secret,
        "code_verifier": verifier,
    }
    answer = request(configuration, "POST", endpoint, data=form)
    if answer.status == 200:
        return answer.content
    if answer.status >= 500:
        raise Refusal("unreachable", f"status {answer.status}")
    if answer.status == 401 or answer.content.get("error") in ("invalid_client", "unauthorized_client"):
        raise Refusal("client")
    raise Refusal("code")


def signing_keys(configuration: SingleSignOn, endpoint: str) -> dict[str, Any]:
    """Return the provider's keys, a JWK set. They are read for each sign-in, so a new key is known at once."""
    answer = request(configuration, "GET", endpoint)
    if answer.status != 200:
        raise Refusal("unreachable", f"its keys have status {answer.status}")
    return answer.content


def request(
    configuration: SingleSignOn, method: str, url: str, *, headers: Mapping[str, str] | None = None, **body: Any
) -> Answer:
    """Send one request, without following redirects.

    Raises:
        Refusal: there is no answer in time, or one that is too long.
    """
    ends_at = time.monotonic() + 2 * SECONDS
    headers = {"Accept": "application/json", **(headers or {})}
    try:
        with get_adapter().get_requests_session() as session:
            response = session.request(
                *(method, url),
                headers=headers,
                timeout=SECONDS,
                allow_redirects=False,
                stream=True,
                verify=configuration.ca or None,  # given here, it takes precedence over the environment
                **body,
            )
            content = bytearray()
            for part in response.iter_content(65_536):
                content += part
                if len(content) > LONGEST_ANSWER or time.monotonic() > ends_at:
                    raise Refusal("unreachable", "its answer is too long or too slow")
    except OSError as fault:  # of which all errors of requests are
        raise Refusal("unreachable", _readable(fault)) from None
    try:
        found = json.loads(bytes(content))
    except ValueError:
        found = None
    location = response.headers.get("Location", "")
    return Answer(response.status_code, found if isinstance(found, dict) else {}, location)


def _readable(fault: OSError) -> str:
    """Return a few words for an error of the connection, without its text, which may repeat the request."""
    name = type(fault).__name__
    if "SSL" in name:
        return "its TLS certificate is not trusted here"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _url(found: dict[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not _PLAIN.fullmatch(url) or not is_secure(url, in_production=settings.PRODUCTION):
        raise Refusal("answer", f"its description has no secure {name}")
    return url
