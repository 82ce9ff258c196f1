"""What to do about the troubles that everybody meets who connects something to Azure. docs/azure.md says it at length."""

import re

PROVIDER = "Microsoft.EventGrid"
ROLE_HINT = (
    "In Azure, on this namespace or its resource group, give the portal's identity a role that may read and write the "
    "namespace and read, write and delete what is in it, such as EventGrid Contributor. "
    "A new assignment may take ten minutes to count."
)
ADVICE = {
    "AuthorizationFailed": ROLE_HINT,
    "LinkedAuthorizationFailed": ROLE_HINT,
    "AuthorizationPermissionMismatch": ROLE_HINT,
    "SubscriptionNotFound": "Look at AZURE_SUBSCRIPTION_ID: it names no subscription that the portal's identity can see.",
    "InvalidSubscriptionId": "Look at AZURE_SUBSCRIPTION_ID: it is not the id of a subscription.",
    "InvalidAuthenticationTokenTenant": "The subscription belongs to another tenant than AZURE_TENANT_ID.",
    "ReadOnlyDisabledSubscription": "The subscription is disabled. Its owner can enable it in Azure.",
    "MissingSubscriptionRegistration": f"Run: az provider register --namespace {PROVIDER}",
    "NoRegisteredProviderFound": f"Run: az provider register --namespace {PROVIDER}",
    "ScopeLocked": "Somebody has put a lock on it. Take the lock away in Azure, or leave it as it is.",
    "RequestDisallowedByPolicy": "A policy of your organisation forbids it. Its owner can tell what is allowed.",
    "ResourceGroupNotFound": "The resource group is gone, or the portal's identity may not see it.",
    "ParentResourceNotFound": "The namespace is gone, or the portal's identity may not see it.",
}
UNTRUSTED = (
    "Azure cannot be reached: it shows a certificate that this machine does not trust. Where a proxy stands between, name "
    "its CA in REQUESTS_CA_BUNDLE."
)
_TROUBLES = (
    (r"certificate verify failed", UNTRUSTED),
    (r"AADSTS7000215|AADSTS7000222|invalid_client", "The client secret is wrong or has expired: renew AZURE_CLIENT_SECRET."),
    (r"AADSTS700016", "There is no application with this AZURE_CLIENT_ID in the tenant AZURE_TENANT_ID."),
    (r"AADSTS90002|AADSTS900023", "There is no tenant with this AZURE_TENANT_ID."),
    (r"AADSTS70021|AADSTS700213", "No federated credential of the application matches this workload's token."),
    (r"Identity not found|isn't assigned to this", "This machine has no managed identity, or not that of AZURE_CLIENT_ID."),
)  # fmt: skip
NO_CREDENTIAL = (
    "The portal has no credential for Azure. Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or give it a "
    "managed or workload identity. `manage.py check_azure` says more."
)


def with_advice(code: str, message: str) -> str:
    """Azure's own message, and what to do about it where that is known."""
    advice = ADVICE.get(code)
    return f"{message.rstrip()} {advice}" if advice and advice not in message else message


def credential_trouble(said: str) -> str:
    """One sentence for what a credential says at length."""
    for pattern, sentence in _TROUBLES:
        if re.search(pattern, said):
            return sentence
    refused = re.search(r"Authentication failed: (.+)", said)
    if refused:
        return f"The portal's credential was refused: {refused[1][:300]}"
    if "DefaultAzureCredential failed" in said or "unavailable" in said:
        return NO_CREDENTIAL
    return said.splitlines()[0][:400] if said else NO_CREDENTIAL
