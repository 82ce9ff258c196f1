"""Warn where a CA certificate does not sign the clients that are known from tests and the connection log. Pure."""

from collections.abc import Sequence
from datetime import datetime

from certificates.authentication.certification_paths import authority_difference
from certificates.diagnosis.chain_roles import Signatures
from certificates.diagnosis.problems import Report
from certificates.x509.certificate import Certificate

Uploaded = Sequence[tuple[str, Certificate]]


def add(
    certificate: Certificate,
    existing: Uploaded,
    known: Sequence[Certificate],
    at: datetime,
    signatures: Signatures,
    warn: Report,
) -> None:
    """Add the warnings about a CA certificate.

    Arguments: `existing`, the namespace's readable CA certificates with their names; `known`, the certificates seen from
    clients; `at`, an aware datetime; `signatures`, the signature checks of this upload.
    """
    unmarked = _warn_about_unmarked_signers(known, signatures, warn)
    others = _warn_about_other_authority(certificate, existing, known, at, signatures, warn)
    known = [each for each in known if each not in others and each not in unmarked]
    known = [each for each in known if each.issuer_key not in {ca.subject_key for ca in unmarked}]
    _warn_about_client_signer(certificate, [ca for _, ca in existing], known, signatures, warn)


def _warn_about_unmarked_signers(
    known: Sequence[Certificate], signatures: Signatures, warn: Report
) -> list[Certificate]:
    """Warn when a known certificate signed clients and is no CA certificate, and return those that did."""
    issuers = {each.issuer_key for each in known if not each.is_self_issued}
    candidates = [each for each in known if not each.is_ca and each.subject_key in issuers]
    found = [(c, signed[1]) for c in candidates if (signed := signatures.unmarked_signer([c], known)) is not None]
    if found:
        signer, client = found[0]
        warn(
            "unmarked-signs-clients",
            f"{signer.subject or 'A certificate'} signed {client.subject or 'a client'} but is not marked as a CA "
            "(basicConstraints CA:TRUE is missing), so that its clients are refused with every CA certificate.",
            f"Sign {signer.subject or 'it'} again with basicConstraints=critical,CA:TRUE (openssl x509 -req needs -extfile), and "
            "upload that one.",
            ("signer that is not marked as a CA", signer.subject),
        )
    return [signer for signer, _ in found]


def _warn_about_client_signer(
    certificate: Certificate,
    existing: Sequence[Certificate],
    known: Sequence[Certificate],
    signatures: Signatures,
    warn: Report,
) -> None:
    """Warn when another certificate signs the known clients, or may sign clients."""
    clients = [c for c in known if not c.is_ca]
    if signatures.signer_of(clients, [certificate]) is not None:
        return
    if _warn_about_other_key(certificate, existing, clients, signatures, warn):
        return
    cas = [c for c in (*known, *existing) if c.is_ca and c.der != certificate.der]
    below = [ca for ca in cas if signatures.issued(certificate, ca)]
    subordinate = signatures.signer_of(clients, below) or next(iter(below), None)
    if subordinate is not None and certificate.path_length == 0:
        warn(
            "path-length",
            f"This CA certificate must not have CA certificates below it (path length 0), but it signed {subordinate.subject}.",
            f"Upload {subordinate.subject}, which signs the clients, or issue this one again with a larger path length.",
            ("subordinate CA", subordinate.subject),
        )
        return
    if subordinate is not None and signatures.signer_of(clients, [subordinate]) is not None:
        _another_signs(subordinate.subject, subordinate.subject_key_identifier, warn)
        return
    if certificate.is_self_issued:
        _warn_about_root(certificate, clients, existing, warn)
        return
    above = next((c for c in clients if c.issuer == certificate.issuer), None)
    if above is not None:
        warn(
            "root-signs-clients",
            f"The known clients were signed by {above.issuer}, which also signed this certificate.",
            f"Upload {above.issuer} instead.",
            ("CA certificate that signs the clients", above.issuer),
        )


def _warn_about_other_authority(
    certificate: Certificate,
    existing: Uploaded,
    known: Sequence[Certificate],
    at: datetime,
    signatures: Signatures,
    warn: Report,
) -> list[Certificate]:
    """Warn when known clients name another certificate of this name and key, as before a renewal, and return them."""
    found = [
        (client, difference)
        for client in known
        if not client.is_ca
        and (difference := authority_difference(client, certificate)) is not None
        and signatures.made_signature(certificate, client)
    ]
    if found:
        client, (part, stated, own) = found[0]
        named = next(((name, ca) for name, ca in existing if signatures.issued(ca, client)), None)
        warn(
            "other-authority",
            f"{client.subject or 'A client'} was signed with this key, but names a CA certificate with the {part} {stated}. "
            f"This one has {own}, so its clients are refused with it.",
            f"{_about_named(named, at)} Issue the client certificates again by key identifier only "
            "(authorityKeyIdentifier=keyid).",
            (f"{part} needed", stated),
            (f"{part} found", own),
        )
    return [client for client, _ in found]


def _about_named(named: tuple[str, Certificate] | None, at: datetime) -> str:
    """Say where the CA certificate is that the clients name: uploaded, perhaps expired, or not."""
    if named is None:
        return "Upload the CA certificate that they name while it is valid. Or:"
    name, ca = named
    if at > ca.not_after:
        return f"The one that they name is uploaded as {name}, but expired on {ca.not_after:%d %b %Y}."
    return f"The one that they name is uploaded as {name}: keep it while they name it."


def _warn_about_root(
    certificate: Certificate, clients: Sequence[Certificate], existing: Sequence[Certificate], warn: Report
) -> None:
    # The clients sent no chain and their issuer is not uploaded: it is probably below this root.
    names = {c.subject_key for c in (certificate, *existing)}
    orphan = next((c for c in clients if c.issuer_key not in names and not c.is_self_issued), None)
    if orphan is not None:
        _another_signs(orphan.issuer, orphan.authority_key_identifier, warn)
    elif certificate.path_length is None or certificate.path_length > 0:
        warn(
            "root",
            "This is a root certificate.",
            "That is correct if it signs the clients directly. If an intermediate signs them, upload the intermediate.",
        )


def _another_signs(subject: str, key_identifier: str, warn: Report) -> None:
    warn(
        "intermediate-signs-clients",
        f"The known clients were signed by {subject}, not by this certificate directly.",
        f"Upload {subject} instead, unless every client sends its whole chain.",
        ("CA certificate that signs the clients", subject),
        ("key identifier", key_identifier or "not stated"),
    )


def _warn_about_other_key(
    certificate: Certificate,
    existing: Sequence[Certificate],
    clients: Sequence[Certificate],
    signatures: Signatures,
    warn: Report,
) -> bool:
    """Warn when known clients have an issuer of this name, but with another key that is not uploaded."""
    orphans = [c for c in clients if c.issuer_key == certificate.subject_key and not c.is_self_issued]
    orphan = next((c for c in orphans if signatures.signer_of([c], existing) is None), None)
    if orphan is None:
        return False
    stated = orphan.authority_key_identifier or "not stated"
    warn(
        "other-key",
        f"{orphan.subject or 'A client'} was signed by another certificate of this name: this one has a different key.",
        f"Upload the {orphan.issuer or 'CA certificate'} that signed it, with the key identifier {stated}, beside this one.",
        ("key identifier needed", stated),
        ("key identifier found", certificate.subject_key_identifier or "not stated"),
    )
    return True
