"""Models of certificates: those of CAs, and the rules by which the portal decides about clients."""

from certificates.models.ca_certificates import (
    WAITS_FOR_PROOF,
    CACertificate,
    CACertificateQuerySet,
    CARollover,
    ExpiryFeed,
    PossessionNonce,
    RolloverConfirmation,
    full_at_limit,
    next_expiries,
)
from certificates.models.decision_rules import DecisionRules, IssuerBinding, PinnedKey, RevocationList, StaleList
from certificates.models.revocations import RevocationReason, RevokedCertificate

__all__ = [
    "WAITS_FOR_PROOF",
    "CACertificate",
    "CACertificateQuerySet",
    "CARollover",
    "DecisionRules",
    "ExpiryFeed",
    "IssuerBinding",
    "PinnedKey",
    "PossessionNonce",
    "RevocationList",
    "RevocationReason",
    "RevokedCertificate",
    "RolloverConfirmation",
    "StaleList",
    "full_at_limit",
    "next_expiries",
]
