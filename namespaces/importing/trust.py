"""Whether the endpoint would trust the certificates of an import, decided as it decides: by signatures, not by names."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.chain import verify_chain
from certificates.authentication.types import TrustedCA
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from sync.models import HIDDEN_NAME

TRUSTED, WARNING, UNTRUSTED = "trusted", "warning", "untrusted"


class Trust:
    """The CA certificates of a namespace, read once for all rows of an import. `at`: an aware datetime."""

    def __init__(self, cas: Sequence[TrustedCA], at: datetime) -> None:
        self.at = at
        self.anchors = TrustAnchors((ca.name, ca.der) for ca in cas)
        known = hashlib.sha256(str(at.date()).encode())
        for name, der in sorted((ca.name, ca.der) for ca in cas):
            known.update(name.encode() + b"\0" + hashlib.sha256(der).digest())
        self.key = known.hexdigest()[:32]

    def of(self, facts: dict[str, Any]) -> tuple[str, str]:
        """Return a code and a sentence about the certificate of a row; kept in its facts while the CA certificates are the same."""
        kept = facts.get("trust")
        if kept is None or kept[0] != self.key:
            kept = facts["trust"] = [self.key, *self._decide(facts)]
        return kept[1], kept[2]

    def _decide(self, facts: dict[str, Any]) -> tuple[str, str]:
        leaf_der, *chain = (base64.b64decode(each) for each in facts["presented"])
        try:
            leaf = load_certificate(leaf_der)
        except DecodingError as problem:
            return UNTRUSTED, problem.sentence
        # An expired certificate is a warning, and the client may get a new one: its issuer is what counts.
        verdict = verify_chain(leaf, chain, self.anchors, at=max(leaf.not_before, min(self.at, leaf.not_after)))
        if not verdict.issuer_found:
            return UNTRUSTED, "No CA certificate here signed it"
        if not verdict.verified:
            return UNTRUSTED, verdict.sentence
        warning = self._warning(leaf)
        if warning:
            return WARNING, warning
        anchor = "a CA certificate of another team" if verdict.anchor == HIDDEN_NAME else verdict.anchor
        return TRUSTED, f"Trusted by {anchor}"

    def _warning(self, leaf: Certificate) -> str:
        if leaf.not_after < self.at:
            return f"It expired on {leaf.not_after:%d %b %Y}, so the client cannot connect with it."
        if leaf.not_before > self.at:
            return f"It is not valid before {leaf.not_before:%d %b %Y}."
        if not leaf.allows_clients:
            return "Its extended key usage has no clientAuth, so the client cannot connect with it."
        return ""
