"""What to do about common faults when an application connects to Azure. docs/azure.md has the long version."""

import re
from typing import NamedTuple

PROVIDER = "Microsoft.EventGrid"
ROLE_HINT = (
    "In Azure, on this namespace or its resource group, assign the portal's identity a role that can read and write the "
    "namespace, and read, write and delete what it contains, such as EventGrid Contributor. "
    "A new role assignment can take ten minutes to take effect."
)
ADVICE = {
    "AuthorizationFailed": ROLE_HINT,
    "LinkedAuthorizationFailed": ROLE_HINT,
    "AuthorizationPermissionMismatch": ROLE_HINT,
    "SubscriptionNotFound": "Check AZURE_SUBSCRIPTION_ID: the portal's identity can see no subscription with this ID.",
    "InvalidSubscriptionId": "Check AZURE_SUBSCRIPTION_ID: it is not a subscription ID.",
    "InvalidAuthenticationTokenTenant": "The subscription belongs to a tenant other than AZURE_TENANT_ID.",
    "ReadOnlyDisabledSubscription": "The subscription is disabled. Its owner can enable it in Azure.",
    "MissingSubscriptionRegistration": f"Run: az provider register --namespace {PROVIDER}",
    "NoRegisteredProviderFound": f"Run: az provider register --namespace {PROVIDER}",
    "ScopeLocked": "The resource is locked. Remove the lock in Azure, or leave the resource unchanged.",
    "RequestDisallowedByPolicy": "A policy of your organization forbids this. Ask the policy's owner what is allowed.",
    "ResourceGroupNotFound": "The resource group was deleted, or the portal's identity cannot see it.",
    "ParentResourceNotFound": "The namespace was deleted, or the portal's identity cannot see it.",
}


class Hint(NamedTuple):
    """A fault of the connection or the credential: a code for machines, a sentence for people."""

    code: str
    sentence: str


UNTRUSTED = Hint(
    "untrusted_certificate",
    "Azure cannot be reached: this machine does not trust the server's certificate. If a proxy intercepts TLS, set "
    "REQUESTS_CA_BUNDLE to a file with the proxy's CA.",
)
NO_CREDENTIAL = Hint(
    "no_credential",
    "The portal has no credential for Azure. Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or give it a "
    "managed or workload identity. For details, run `manage.py check_azure`.",
)
_HINTS = (
    (r"certificate verify failed", UNTRUSTED),
    (
        r"AADSTS7000215|AADSTS7000222|invalid_client",
        Hint("client_secret", "The client secret is wrong or has expired. Renew AZURE_CLIENT_SECRET."),
    ),
    (r"AADSTS700016", Hint("client_id", "The tenant AZURE_TENANT_ID has no application with the ID AZURE_CLIENT_ID.")),
    (r"AADSTS90002|AADSTS900023", Hint("tenant", "There is no tenant with the ID AZURE_TENANT_ID.")),
    (
        r"AADSTS70021|AADSTS700213",
        Hint("federated_token", "No federated credential of the application matches this workload's token."),
    ),
    (
        r"Identity not found|isn't assigned to this",
        Hint("managed_identity", "This machine has no managed identity, or its identity is not AZURE_CLIENT_ID."),
    ),
)


def with_advice(code: str, message: str) -> str:
    """Return Azure's message, followed by what to do where that is known."""
    advice = ADVICE.get(code)
    return f"{message.rstrip()} {advice}" if advice and advice not in message else message


def credential_hint(message: str) -> Hint:
    """Return one sentence for the long message of a credential."""
    for pattern, hint in _HINTS:
        if re.search(pattern, message):
            return hint
    rejected = re.search(r"Authentication failed: (.+)", message)
    if rejected:
        return Hint("credential_rejected", f"The portal's credential was rejected: {rejected[1][:300]}")
    if not message or "DefaultAzureCredential failed" in message or "unavailable" in message:
        return NO_CREDENTIAL
    return Hint("credential", message.splitlines()[0][:400])
