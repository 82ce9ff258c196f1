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
from certificates.models.first_contact import (
    BlockedName,
    BlockReason,
    FirstContact,
    Held,
    RegisteredDevice,
    RegistrationTemplate,
    WaitingDevice,
)
from certificates.models.revocation_alarms import RevocationAlarm
from certificates.models.revocations import RevocationReason, RevokedCertificate

__all__ = [
    "WAITS_FOR_PROOF",
    "BlockReason",
    "BlockedName",
    "CACertificate",
    "CACertificateQuerySet",
    "CARollover",
    "DecisionRules",
    "ExpiryFeed",
    "FirstContact",
    "Held",
    "IssuerBinding",
    "PinnedKey",
    "PossessionNonce",
    "RegisteredDevice",
    "RegistrationTemplate",
    "RevocationAlarm",
    "RevocationList",
    "RevocationReason",
    "RevokedCertificate",
    "RolloverConfirmation",
    "StaleList",
    "WaitingDevice",
    "full_at_limit",
    "next_expiries",
]
