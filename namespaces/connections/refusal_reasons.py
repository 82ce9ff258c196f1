"""The reasons for a refusal in a few words, for counts and filters."""

from collections.abc import Mapping

from namespaces.connections.broker_steps import TITLES

SHORT: Mapping[str, str] = TITLES | {
    "certificate-readable": "Certificate not readable",
    "within-validity": "Certificate not valid now",
    "authentication-name": "No authentication name",
    "client-found": "Client not registered",
    "client-enabled": "Client disabled",
    "issuer-found": "Issuer not trusted",
    "chain-verified": "Chain not verified",
    "client-authentication-allowed": "Not a client certificate",
    "scheme-compared": "Certificate does not match",
    "not-revoked": "Certificate revoked",
    "issuer-vouches": "CA does not count for the client",
    "within-policy": "Against the policy",
    "key-pinned": "Not the pinned CA",
    "other": "Other reasons",
}


def short_reason(code: str) -> str:
    """Return the label of a reason; the code itself where it is not known here."""
    return SHORT.get(code, code)
