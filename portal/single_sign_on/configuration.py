"""The identity provider that the environment names, and what its groups grant here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.deployment.environment import seconds, secret, text
from portal.single_sign_on.mapping import Grant, read_mapping

MICROSOFT_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")
MICROSOFT_GRAPH = "https://graph.microsoft.com/v1.0"
GRAPH_SCOPE = "User.Read"  # lets the portal ask Graph for the groups of the user who signs in
LONGEST_ISSUER = 200  # characters that the table of identities has for it


@dataclass(frozen=True)
class SingleSignOn:
    """An identity provider, and this portal as its client. `ca`: PEM file of its authority; "" for those of the system."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False, default="")
    name: str = "Entra ID"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    groups: Mapping[str, Grant] = field(default_factory=dict)
    graph_url: str = ""
    ca: str = ""
    clock_skew: float = 60.0  # seconds

    @property
    def uses_object_ids(self) -> bool:
        """Return whether groups are named by their object IDs, as Entra ID does."""
        return bool(self.graph_url)


def read_configuration() -> SingleSignOn | None:
    """Read the variables PORTAL_SSO_…; None without PORTAL_SSO_ISSUER: there is no single sign-on.

    Raises:
        ImproperlyConfigured: a variable is malformed.
    """
    issuer = text("PORTAL_SSO_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or len(issuer) > LONGEST_ISSUER:
        raise ImproperlyConfigured(
            f"PORTAL_SSO_ISSUER is {issuer[:80]!r}. Use the issuer as the provider spells it, such as "
            "https://login.microsoftonline.com/TENANT/v2.0."
        )
    is_entra = parts.hostname in MICROSOFT_HOSTS
    graph_url = text("PORTAL_SSO_GRAPH_URL", MICROSOFT_GRAPH if is_entra else "").rstrip("/")
    scopes = text("PORTAL_SSO_SCOPES", "openid profile email" + (f" {GRAPH_SCOPE}" if graph_url else ""))
    return SingleSignOn(
        issuer=issuer,
        client_id=text("PORTAL_SSO_CLIENT_ID"),
        client_secret=secret("PORTAL_SSO_CLIENT_SECRET"),
        name=text("PORTAL_SSO_NAME", "Entra ID" if is_entra else parts.hostname)[:40],
        scopes=tuple(dict.fromkeys(["openid", *scopes.replace(",", " ").split()])),
        groups_claim=text("PORTAL_SSO_GROUPS_CLAIM", "groups"),
        groups=read_mapping(text("PORTAL_SSO_GROUPS")),
        graph_url=graph_url,
        ca=text("PORTAL_SSO_CA"),
        clock_skew=seconds("PORTAL_SSO_CLOCK_SKEW", 60),
    )


def is_secure(url: str, *, in_production: bool) -> bool:
    """Return whether the portal may talk to `url`: https, and outside production also http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    if in_production or parts.scheme != "http":
        return False
    try:
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
