"""CA insight: which known clients a CA certificate signed, and who would have no trusted issuer without it. Pure.

"Known" is a client certificate that was tested or seen in the connection log, with the chain that came with it.
Source: docs/policy.md; the chain verdict is `verification`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from certificates.authentication.chain import MAX_PRESENTED_CHAIN, verify_chain
from certificates.authentication.decision import NamespaceState, TrustedCA
from certificates.authentication.paths import PathFinder, TrustAnchors, load_known
from certificates.x509.certificate import Certificate, DecodingError, load_certificate


@dataclass(frozen=True)
class KnownCertificate:
    """What a client has shown: its name, the certificate and the others sent with it, as DER."""

    client_name: str
    presented: bytes
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class SignedClient:
    """A client certificate below this CA certificate.

    `is_direct`: this CA signed it itself. `is_trusted`: its chain holds now. `other_anchor`: the uploaded CA certificate
    that it leads to without this one, or "".
    """

    client_name: str
    certificate: Certificate
    is_direct: bool
    is_trusted: bool
    other_anchor: str

    @property
    def would_be_left_alone(self) -> bool:
        """Whether it would have no trusted issuer if this CA certificate went."""
        return self.is_trusted and not self.other_anchor


@dataclass(frozen=True)
class CAInsight:
    """What is known about one CA certificate of a namespace. `signed` is in the order of the clients' expiry."""

    ca_name: str
    certificate: Certificate
    signed: tuple[SignedClient, ...]

    @property
    def is_used(self) -> bool:
        return bool(self.signed)

    @property
    def left_alone(self) -> tuple[SignedClient, ...]:
        """The clients that would have no trusted issuer if this CA certificate went."""
        return tuple(client for client in self.signed if client.would_be_left_alone)

    @property
    def outlive_it(self) -> tuple[SignedClient, ...]:
        """The clients whose certificates end after this CA certificate: they stop connecting when it ends."""
        return tuple(c for c in self.signed if c.certificate.not_after > self.certificate.not_after)


def inspect_ca(name: str, state: NamespaceState, known: Sequence[KnownCertificate], *, at: datetime) -> CAInsight:
    """Say what the CA certificate called `name` means for the known clients.

    Arguments: `state` with that CA certificate in it; `known`, the latest certificate of each client; `at`, an aware
    moment. Clients that use Thumbprint Match need no issuer and are left out. Raises `KeyError` when there is no such CA
    certificate and `DecodingError` when it cannot be read.
    """
    ca = next((ca for ca in state.cas if ca.name == name), None)
    if ca is None:
        raise KeyError(name)
    asked = _Asked(ca, load_known(ca.der), state, at)
    by_thumbprint = {c.name for c in state.clients.values() if c.validation_scheme == "ThumbprintMatch"}
    signed = [
        found
        for entry in known
        if entry.client_name not in by_thumbprint and (found := _signed(entry, asked)) is not None
    ]
    signed.sort(key=lambda client: (client.certificate.not_after, client.client_name))
    return CAInsight(name, asked.certificate, tuple(signed))


class _Asked:
    """What is the same for every known certificate, worked out once."""

    def __init__(self, ca: TrustedCA, certificate: Certificate, state: NamespaceState, at: datetime) -> None:
        self.certificate = certificate
        self.at = at
        self.all = state.anchors
        self.alone = TrustAnchors([(ca.name, ca.der)])
        self.others = TrustAnchors((other.name, other.der) for other in state.cas if other.der != ca.der)
        self.signatures: dict[tuple[bytes, bytes], bool] = {}

    def leads_here(self, leaf: Certificate, chain: Sequence[bytes]) -> tuple[Certificate, ...] | None:
        """The certificates from the leaf to this CA certificate, each of which signed the one before."""
        sent = _readable(chain, leaf, self.certificate)
        finder = PathFinder(self.alone, sent, self.at, self.signatures)
        return next((p for p in finder.paths(leaf) if all(map(finder.signed, p, p[1:]))), None)


def _signed(entry: KnownCertificate, asked: _Asked) -> SignedClient | None:
    try:
        leaf = load_certificate(entry.presented)
    except DecodingError:
        return None
    if leaf.der == asked.certificate.der:
        return None
    now = verify_chain(leaf, entry.chain, asked.all, at=asked.at)
    is_anchor = now.verified and now.path[-1].der == asked.certificate.der
    asked.signatures.update({(child.der, issuer.der): True for child, issuer in pairwise(now.path)})  # verified already
    path = now.path if is_anchor else asked.leads_here(leaf, entry.chain)
    if path is None:
        return None
    # Without this CA certificate a chain that does not hold now does not hold either, and one that ends elsewhere stays.
    other = verify_chain(leaf, entry.chain, asked.others, at=asked.at).anchor if is_anchor else now.anchor
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
