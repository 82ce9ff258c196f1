"""Verify a proof of possession: a certificate with the nonce as common name, signed by the key in question. Pure.

As in Azure IoT Hub and AWS IoT Core. The signature counts and nothing else: issuer name, extensions and dates of the
certificate are not compared, since the nonce makes it fresh and belongs to one CA certificate of one namespace.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from certificates.authentication.certification_paths import signed_by
from certificates.x509.certificate import Certificate
from certificates.x509.strength import can_check, is_weak_hash
from certificates.x509.text import shortened

NONCE_LETTERS = 40  # lower-case hex: 160 bits, and short enough for a common name
NONCE_LIFE = timedelta(days=7)  # long enough to carry it to a CA that is kept offline
_NONCE = re.compile(rf"[0-9a-f]{{{NONCE_LETTERS}}}")

CA_KEY = "ca_key"
DEVICE_KEY = "device_key"
BADGES = {
    CA_KEY: "Key of this CA proved",
    DEVICE_KEY: "Holds a device certificate of this CA",
}


@dataclass(frozen=True)
class Challenge:
    """A nonce that was given for one CA certificate. `expires_at` and `used_at` are aware datetimes."""

    nonce: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of `verify_proof`.

    `kind` is `CA_KEY`, `DEVICE_KEY`, or "" where the proof is refused, with a stable `code`, the reason and what to do.
    `proof` is the certificate that has the nonce, and `nonce` the nonce it has.
    """

    kind: str = ""
    code: str = ""
    sentence: str = ""
    next_step: str = ""
    nonce: str = ""
    proof: Certificate | None = None


def nonces_in(certificates: Sequence[Certificate]) -> list[str]:
    """Return the common names that have the form of a nonce, in their order."""
    return [name for each in certificates for name in each.common_names if _NONCE.fullmatch(name)]


def verify_proof(
    certificates: Sequence[Certificate], *, ca: Certificate, challenges: Sequence[Challenge], at: datetime
) -> Verdict:
    """Decide whether the certificates prove that their sender holds the key of `ca`, or of a client certificate of it.

    Arguments: `certificates`, as `read_upload` returns them, the device's own certificate among them where its key signed;
    `challenges`, every nonce that was given for this CA certificate in this namespace; `at`, an aware datetime. Never raises.

    Codes of a refusal: `no-nonce`, `other-nonce`, `nonce-used`, `nonce-expired`, `key-not-checkable`, `weak-proof`,
    `wrong-key`, `device-expired`.
    """
    given = {each.nonce: each for each in challenges}
    named = [(each, name) for each in certificates for name in each.common_names if _NONCE.fullmatch(name)]
    known = [(each, name) for each, name in named if name in given]
    if not known:
        return _unknown(certificates, ca, bool(named))
    proof, nonce = min(known, key=lambda pair: _staleness(given[pair[1]], at))
    refusal = _stale(given[nonce], at)
    return refusal or _verified(proof, nonce, certificates, ca, at)


def _staleness(challenge: Challenge, at: datetime) -> tuple[bool, bool]:
    return challenge.used_at is not None, challenge.expires_at <= at


def _unknown(certificates: Sequence[Certificate], ca: Certificate, has_other: bool) -> Verdict:
    if has_other:
        return Verdict(
            code="other-nonce",
            sentence="Its common name is a nonce that was not given for this CA certificate in this namespace.",
            next_step="Use the nonce on this page: each counts for one CA certificate in one namespace.",
        )
    if any(each.der == ca.der for each in certificates):
        found = "This is the CA certificate itself. Anyone can have it, so it proves nothing."
    else:
        names = certificates[0].common_names if certificates else ()
        found = f"Its common name is {names[0]}, not the nonce." if names else "It has no common name, so no nonce."
    return Verdict(
        code="no-nonce", sentence=shortened(found), next_step="Create a certificate with the nonce as its common name."
    )


def _stale(challenge: Challenge, at: datetime) -> Verdict | None:
    if challenge.used_at is not None:
        return Verdict(
            code="nonce-used",
            sentence=f"This nonce was used on {challenge.used_at:%d %b %Y at %H:%M} UTC. Each counts once.",
            next_step="Get a new nonce and sign that one.",
        )
    if challenge.expires_at <= at:
        return Verdict(
            code="nonce-expired",
            sentence=f"This nonce expired on {challenge.expires_at:%d %b %Y at %H:%M} UTC.",
            next_step="Get a new nonce and sign that one.",
        )
    return None


def _verified(
    proof: Certificate, nonce: str, certificates: Sequence[Certificate], ca: Certificate, at: datetime
) -> Verdict:
    if is_weak_hash(proof):
        return Verdict(
            code="weak-proof",
            sentence=f"It is signed with {proof.signature}, which can be forged.",
            next_step="Sign it again with SHA-256.",
        )
    if not can_check(ca):
        return Verdict(
            code="key-not-checkable",
            sentence=f"A signature by the key of this CA ({ca.key}) cannot be checked.",
            next_step="Replace this CA certificate by one with an RSA or EC P-256 key.",
        )
    if signed_by(proof, ca):
        return Verdict(kind=CA_KEY, nonce=nonce, proof=proof)
    return _by_device(proof, nonce, certificates, ca, at)


def _by_device(
    proof: Certificate, nonce: str, certificates: Sequence[Certificate], ca: Certificate, at: datetime
) -> Verdict:
    """Decide whether the key of a client certificate of this CA made the signature."""
    devices = [each for each in certificates if each.der != proof.der and not each.is_ca and _is_of(each, ca)]
    signer = next((each for each in devices if can_check(each) and signed_by(proof, each)), None)
    if signer is None:
        return _wrong_key(proof)
    if not signer.not_before <= at <= signer.not_after:
        return Verdict(
            code="device-expired",
            sentence="The device certificate that signed the nonce is expired or not yet valid.",
            next_step="Sign it with the key of a valid client certificate, or of the CA.",
        )
    return Verdict(kind=DEVICE_KEY, nonce=nonce, proof=proof)


def _is_of(device: Certificate, ca: Certificate) -> bool:
    return not is_weak_hash(device) and signed_by(device, ca)


def _wrong_key(proof: Certificate) -> Verdict:
    sentence = "The nonce is right, but another key signed the certificate."
    if can_check(proof) and signed_by(proof, proof):
        sentence = "The nonce is right, but the certificate is self-signed: its own key signed it, not that of the CA."
    return Verdict(
        code="wrong-key",
        sentence=sentence,
        next_step="Sign it with the private key of this CA certificate. If the key of a client certificate signed it, add that "
        "client certificate below the proof.",
    )
