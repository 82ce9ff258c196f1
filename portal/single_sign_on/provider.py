"""django-allauth's OpenID Connect provider, for the one that the settings name."""

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.http import HttpRequest

from portal.single_sign_on.accounts import SHOWN, uid_of
from portal.single_sign_on.configuration import SingleSignOn


class Provider(OpenIDConnectProvider):
    """Identities are kept under the issuer and `sub`. Of the claims, only what the account page shows is stored."""

    def extract_uid(self, data: dict[str, Any]) -> str:
        return uid_of(data["id_token"]["sub"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        claims = data["id_token"]
        return {name: claims[name][:500] for name in SHOWN if isinstance(claims.get(name), str)}


class SocialAdapter(DefaultSocialAccountAdapter):
    """Knows one provider, from the environment: a row in a table must not open a door."""

    def list_apps(
        self, request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        configuration: SingleSignOn | None = settings.SINGLE_SIGN_ON
        if configuration is None:
            return []
        app = _app(configuration)
        is_meant = provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        return [app] if is_meant else []

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Provider:
        return Provider(request, app=self.get_app(request, provider, client_id))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Return False: `accounts.admit` makes accounts, before allauth looks for one."""
        return False

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """Return None: an e-mail address never finds an account."""
        return


def _app(configuration: SingleSignOn) -> SocialApp:
    return SocialApp(
        provider=Provider.id,
        provider_id=configuration.issuer,
        name=configuration.name,
        client_id=configuration.client_id,
        settings={"server_url": configuration.issuer, "oauth_pkce_enabled": True},
    )
