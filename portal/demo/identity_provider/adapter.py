"""What the provider puts into its tokens: names, addresses and the object IDs of groups, as Entra ID does."""

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.http import HttpRequest

from portal.demo.identity_provider.people import MOST_IN_A_TOKEN, group_ids


class Accounts(DefaultAccountAdapter):
    """Its users are seeded: nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class Tokens(DefaultOIDCAdapter):
    """Claims of Entra ID. A client's `data` may have the groups in UserInfo only, as other providers do."""

    def get_claims(
        self, purpose: Any, user: Any, client: Any, scopes: Iterable[str], email: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, email=email, **kwargs)
        if "profile" in scopes:
            claims["preferred_username"] = user.email
        if purpose == (client.data or {}).get("groups_in", "id_token"):
            claims |= _groups(user)
        return claims


def _groups(user: Any) -> dict[str, Any]:
    groups = group_ids(user)
    if len(groups) <= MOST_IN_A_TOKEN:
        return {"groups": groups} if groups else {}  # Entra ID leaves an empty claim out
    return {
        "_claim_names": {"groups": "src1"},
        # Entra ID names a URL here that is out of service. A portal that follows it can be led anywhere.
        "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/tenant/users/user/getMemberObjects"}},
    }
