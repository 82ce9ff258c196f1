"""What the settings of a namespace must be. Pure: the form, the action and the import all ask here.

Source: Azure Event Grid namespaces, `topicSpacesConfiguration`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from namespaces.rules.errors import RuleError

# Value in ARM, and the words of the Azure portal.
SOURCES = (
    ("ClientCertificateSubject", "Certificate Subject Name"),
    ("ClientCertificateDns", "Certificate Dns"),
    ("ClientCertificateUri", "Certificate Uri"),
    ("ClientCertificateIp", "Certificate Ip"),
    ("ClientCertificateEmail", "Certificate Email"),
)
SESSIONS = range(1, 101)
EXPIRY_HOURS = range(1, 9)
DEFAULT_SESSIONS = 1
DEFAULT_EXPIRY_HOURS = 1
STATES = ("Enabled", "Disabled")
SYSTEM_ASSIGNED, USER_ASSIGNED = "SystemAssigned", "UserAssigned"
IDENTITIES = ((SYSTEM_ASSIGNED, "System assigned"), (USER_ASSIGNED, "User assigned"))
LONGEST_URL, LONGEST_AUDIENCE, LONGEST_IDENTITY = 1024, 512, 512
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_USER_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.managedidentity/userassignedidentities/[^/]+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Webhook:
    """Custom webhook authentication: the endpoint that Azure asks about each CONNECT. Without a URL Azure decides.

    `audience`: the application's URI or client id. `identity`: SYSTEM_ASSIGNED or USER_ASSIGNED, whose token Azure sends;
    `user_identity`: the resource id of the latter.
    """

    url: str = ""
    audience: str = ""
    tenant: str = ""
    identity: str = ""
    user_identity: str = ""


NO_WEBHOOK = Webhook()


def check_broker_state(state: str) -> None:
    """Raises RuleError unless the broker can be in this state."""
    if state not in STATES:
        raise RuleError("state", "unknown", "The MQTT broker is Enabled or Disabled.")


def check_sources(sources: Sequence[str]) -> None:
    """Raises RuleError unless authentication names can come from these sources, in this order."""
    known = {value for value, _ in SOURCES}
    if not all(source in known for source in sources):
        raise RuleError("sources", "unknown", "Choose sources of the list.")
    if len(set(sources)) != len(sources):
        raise RuleError("sources", "same-twice", "A source is listed twice. Choose each once.")


def check_sessions(number: int) -> None:
    """Raises RuleError unless an authentication name can have at most this many sessions."""
    if number not in SESSIONS:
        raise RuleError("max_sessions", "bounds", f"Between {SESSIONS[0]} and {SESSIONS[-1]} sessions are possible.")


def check_expiry_hours(hours: int) -> None:
    """Raises RuleError unless sessions can live for so many hours without a connection."""
    if hours not in EXPIRY_HOURS:
        raise RuleError(
            "max_expiry_hours", "bounds", f"Between {EXPIRY_HOURS[0]} and {EXPIRY_HOURS[-1]} hours are possible."
        )


def check_webhook(webhook: Webhook) -> None:
    """Raises RuleError unless Azure can ask this endpoint. No webhook at all is right."""
    if webhook == NO_WEBHOOK:
        return
    _check_url(webhook.url)
    _check_audience(webhook.audience)
    if not _TENANT.fullmatch(webhook.tenant.lower()):
        raise RuleError("webhook_tenant", "no-guid", "Type the tenant's ID: 32 hexadecimal digits in five groups.")
    if webhook.identity not in dict(IDENTITIES):
        raise RuleError("webhook_identity", "unknown", "Choose a managed identity of this namespace.")
    is_user = webhook.identity == USER_ASSIGNED
    if is_user != bool(webhook.user_identity):
        raise RuleError("webhook_identity", "identity-mismatch", "Choose which user-assigned identity Azure uses.")
    if is_user and not (
        _USER_IDENTITY.fullmatch(webhook.user_identity) and len(webhook.user_identity) <= LONGEST_IDENTITY
    ):
        raise RuleError(
            "webhook_identity", "no-resource-id", "This is not the resource ID of a user-assigned identity."
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and url.isprintable()
    except ValueError:
        is_right = False
    if not is_right or " " in url:
        raise RuleError("webhook_url", "no-https", "The webhook URL begins with https:// and a host name.")
    if len(url) > LONGEST_URL:
        raise RuleError("webhook_url", "too-long", f"A webhook URL has at most {LONGEST_URL:,} characters.")


def _check_audience(audience: str) -> None:
    if not audience.strip():
        sentence = "Type the application ID URI or the client ID of the app registration."
        raise RuleError("webhook_audience", "required", sentence)
    if not audience.isprintable() or " " in audience:
        raise RuleError("webhook_audience", "characters", "An audience has no spaces and no invisible characters.")
    if len(audience) > LONGEST_AUDIENCE:
        raise RuleError("webhook_audience", "too-long", f"An audience has at most {LONGEST_AUDIENCE} characters.")


def check_configuration(
    state: str, sources: Sequence[str], max_sessions: int, max_expiry_hours: int, webhook: Webhook = NO_WEBHOOK
) -> None:
    """Raises RuleError with the field that is wrong."""
    check_broker_state(state)
    check_sources(sources)
    check_sessions(max_sessions)
    check_expiry_hours(max_expiry_hours)
    check_webhook(webhook)


def configuration_problems(
    state: str, sources: Sequence[str], max_sessions: int, max_expiry_hours: int, webhook: Webhook = NO_WEBHOOK
) -> list[str]:
    """What the rules would refuse of settings that Azure holds, as sentences."""
    try:
        check_configuration(state, sources, max_sessions, max_expiry_hours, webhook)
    except RuleError as refusal:
        return [refusal.sentence]
    return []
