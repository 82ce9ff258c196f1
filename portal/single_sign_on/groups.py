"""The groups of the user who signs in, as the provider knows them now."""

from typing import Any

from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.endpoints import request
from portal.single_sign_on.mapping import group_key
from portal.single_sign_on.refusals import Refusal

MOST_GROUPS = 20_000  # Graph returns 11,000 at most
LONGEST_GROUP = 255


def groups_of(
    claims: dict[str, Any], configuration: SingleSignOn, *, userinfo_url: str, access_token: Any
) -> frozenset[str]:
    """Return the keys of the user's groups (`mapping.group_key`).

    They are in the ID token, at the top level or under `userinfo`; or only in the answer of the UserInfo endpoint. Where
    there are too many, Entra ID leaves them out and says so, and Microsoft Graph lists them.

    Raises:
        Refusal: they cannot be read. The groups of the last sign-in are no substitute: the user may have left them.
    """
    name = configuration.groups_claim
    nested = claims.get("userinfo")
    places = [claims, *([nested] if isinstance(nested, dict) else [])]
    if any(_is_left_out(place, name) for place in places):
        return _ask_graph(configuration, access_token)
    for place in places:
        if name in place:
            return _keys(place[name])
    if not configuration.groups or not userinfo_url or configuration.uses_object_ids:
        return frozenset()  # Entra ID sends no claim for a user without groups, and none by UserInfo
    found = _userinfo(configuration, userinfo_url, access_token, claims["sub"])
    if _is_left_out(found, name):
        return _ask_graph(configuration, access_token)
    return _keys(found.get(name, []))


def _is_left_out(claims: dict[str, Any], name: str) -> bool:
    """Return whether the provider says that there are more groups than fit (“overage”)."""
    names = claims.get("_claim_names")
    return (isinstance(names, dict) and name in names) or bool(claims.get("hasgroups"))


def _keys(value: Any) -> frozenset[str]:
    groups = [value] if isinstance(value, str) else value
    if not isinstance(groups, list) or len(groups) > MOST_GROUPS:
        raise Refusal("groups")
    if not all(isinstance(each, str) and len(each) <= LONGEST_GROUP for each in groups):
        raise Refusal("groups")
    return frozenset(group_key(each) for each in groups)


def _ask_graph(configuration: SingleSignOn, access_token: Any) -> frozenset[str]:
    """Ask Microsoft Graph for the groups. The URL is a setting: the one in the token is not followed, it may lead anywhere."""
    if not configuration.graph_url:
        raise Refusal("graph", "PORTAL_SSO_GRAPH_URL is not set")
    try:
        answer = request(
            configuration,
            "POST",
            f"{configuration.graph_url}/me/getMemberGroups",
            headers={"Authorization": f"Bearer {_usable(access_token)}"},
            json={"securityEnabledOnly": False},
        )
    except Refusal as fault:
        raise Refusal("graph", fault.detail) from None
    if answer.status != 200:
        raise Refusal("graph", f"status {answer.status}")
    if not isinstance(answer.content.get("value"), list) or "@odata.nextLink" in answer.content:
        raise Refusal("graph", "an incomplete answer")
    return _keys(answer.content["value"])


def _userinfo(configuration: SingleSignOn, url: str, access_token: Any, subject: str) -> dict[str, Any]:
    answer = request(configuration, "GET", url, headers={"Authorization": f"Bearer {_usable(access_token)}"})
    if answer.status != 200:
        raise Refusal("unreachable", f"its UserInfo has status {answer.status}")
    if answer.content.get("sub") != subject:  # section 5.3.2: it may be about somebody else
        raise Refusal("answer", "its UserInfo is about another user")
    return answer.content


def _usable(access_token: Any) -> str:
    if not isinstance(access_token, str) or not access_token.isascii() or not access_token.isprintable():
        raise Refusal("answer", "it has no access token")
    return access_token
