"""Find the known clients that depend on a CA certificate. Pure.

A client certificate is known once it was tested or seen in the connection log, with the chain sent with it. `chain`
verifies. Source: docs/policy.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from certificates.authentication.certification_paths import PathFinder, TrustAnchors, load_known
from certificates.authentication.chain import MAX_PRESENTED_CHAIN, verify_chain
from certificates.authentication.types import NamespaceState, TrustedCA
from certificates.x509.certificate import Certificate, DecodingError, load_certificate


@dataclass(frozen=True)
class KnownCertificate:
    """A certificate seen from a client: the client's name, the certificate and the rest of its chain as DER."""

    client_name: str
    presented: bytes
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class SignedClient:
    """A client certificate whose chain contains this CA certificate.

    `is_direct`: this CA certificate signed it directly. `is_trusted`: its chain verifies now. `other_anchor`: the name
    of the uploaded CA certificate that its chain leads to without this one, or "".
    """

    client_name: str
    certificate: Certificate
    is_direct: bool
    is_trusted: bool
    other_anchor: str

    @property
    def would_lose_issuer(self) -> bool:
        """Whether it would have no trusted issuer without this CA certificate."""
        return self.is_trusted and not self.other_anchor


@dataclass(frozen=True)
class CAInsight:
    """The known clients of one CA certificate of a namespace. `signed` is in order of expiry."""

    ca_name: str
    certificate: Certificate
    signed: tuple[SignedClient, ...]

    @property
    def is_used(self) -> bool:
        return bool(self.signed)

    @property
    def dependents(self) -> tuple[SignedClient, ...]:
        """The clients that would have no trusted issuer without this CA certificate."""
        return tuple(client for client in self.signed if client.would_lose_issuer)

    @property
    def expire_later(self) -> tuple[SignedClient, ...]:
        """The clients whose certificates expire after this CA certificate: they can no longer connect once it expires."""
        return tuple(c for c in self.signed if c.certificate.not_after > self.certificate.not_after)


def inspect_ca(name: str, state: NamespaceState, known: Sequence[KnownCertificate], *, at: datetime) -> CAInsight:
    """Return the known clients that depend on the CA certificate called `name`.

    Arguments: `state`, the namespace, with that CA certificate; `known`, the latest certificate of each client; `at`, an
    aware datetime. Clients that use Thumbprint Match need no issuer and are left out. Raises `KeyError` when there is no
    such CA certificate and `DecodingError` when it cannot be read.
    """
    ca = next((ca for ca in state.cas if ca.name == name), None)
    if ca is None:
        raise KeyError(name)
    inspection = _Inspection(ca, load_known(ca.der), state, at)
    by_thumbprint = {c.name for c in state.clients.values() if c.validation_scheme == "ThumbprintMatch"}
    signed = [
        found
        for entry in known
        if entry.client_name not in by_thumbprint and (found := _signed(entry, inspection)) is not None
    ]
    signed.sort(key=lambda client: (client.certificate.not_after, client.client_name))
    return CAInsight(name, inspection.certificate, tuple(signed))


class _Inspection:
    """What is the same for every known certificate, computed once."""

    def __init__(self, ca: TrustedCA, certificate: Certificate, state: NamespaceState, at: datetime) -> None:
        self.certificate = certificate
        self.at = at
        self.all = state.anchors
        self.alone = TrustAnchors([(ca.name, ca.der)])
        self.others = TrustAnchors((other.name, other.der) for other in state.cas if other.der != ca.der)
        self.signatures: dict[tuple[bytes, bytes], bool] = {}

    def path_here(self, leaf: Certificate, chain: Sequence[bytes]) -> tuple[Certificate, ...] | None:
        """Return the path from the leaf to this CA certificate, each of which signed the one before, or None."""
        sent = _readable(chain, leaf, self.certificate)
        finder = PathFinder(self.alone, sent, self.at, self.signatures)
        return next((p for p in finder.paths(leaf) if all(map(finder.signed, p, p[1:]))), None)


def _signed(entry: KnownCertificate, inspection: _Inspection) -> SignedClient | None:
    try:
        leaf = load_certificate(entry.presented)
    except DecodingError:
        return None
    if leaf.der == inspection.certificate.der:
        return None
    now = verify_chain(leaf, entry.chain, inspection.all, at=inspection.at)
    is_anchor = now.verified and now.path[-1].der == inspection.certificate.der
    inspection.signatures.update(
        {(child.der, issuer.der): True for child, issuer in pairwise(now.path)}
    )  # verified already
    path = now.path if is_anchor else inspection.path_here(leaf, entry.chain)
    if path is None:
        return None
    # A chain that fails now also fails without this CA certificate, and one that ends at another stays.
    other = verify_chain(leaf, entry.chain, inspection.others, at=inspection.at).anchor if is_anchor else now.anchor
    return SignedClient(entry.client_name, leaf, len(path) == 2, now.verified, other)


def _readable(chain: Sequence[bytes], *left_out: Certificate) -> list[Certificate]:
    found = []
    for der in chain[:MAX_PRESENTED_CHAIN]:
        if any(der == other.der for other in left_out):
            continue
        try:
            found.append(load_known(der))  # the same few certificates for all clients
        except DecodingError:
            continue
    return found
