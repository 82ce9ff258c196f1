"""A sample chain registered in one go: its intermediate as CA certificate, and a client for each certificate.

Nothing here is special: the same actions with the same checks as by hand, each change one of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, zip_longest

from django.http import QueryDict

from certificates.actions import upload_ca_certificate
from certificates.authentication.matching import THUMBPRINT_SCHEME
from certificates.models import CACertificate
from certificates.samples.chain import MAX_CLIENTS
from certificates.x509.certificate import Certificate, DecodingError
from certificates.x509.reading import read_upload
from namespaces.access import teams_of
from namespaces.actions.clients import create_client
from namespaces.forms.base import without_private_keys
from namespaces.models import Namespace
from namespaces.rules.clients import MAX_NAME_LENGTH, RuleError
from portal.models import Team, User

CA, CLIENT = "CA certificate", "Client"
DESCRIPTION = "Sample, for trying out"


@dataclass(frozen=True)
class SampleClient:
    """A client to register: as the page of the samples sends it, unchecked."""

    authentication_name: str
    validation_scheme: str
    thumbprint: str


@dataclass(frozen=True)
class Registration:
    """What came of one of them; `problem` is why it was not made, or ""."""

    kind: str
    name: str
    problem: str = ""


def posted_samples(data: QueryDict) -> tuple[str, list[SampleClient]]:
    """The intermediate as PEM and the clients. A private key that somebody pastes into a field is dropped."""
    clean, _ = without_private_keys(data)
    columns = (clean.getlist(name) for name in ("client_name", "client_scheme", "client_thumbprint"))
    rows = islice(zip_longest(*columns, fillvalue=""), MAX_CLIENTS)
    return clean.get("intermediate", ""), [SampleClient(*row) for row in rows]


def register_samples(
    actor: User, *, namespace: Namespace, intermediate: str, clients: Sequence[SampleClient]
) -> list[Registration]:
    """Upload the intermediate and create the clients; what is refused is told and does not stop the others."""
    teams = list(teams_of(actor)[:2])
    team = teams[0] if len(teams) == 1 else None  # as the forms propose it
    done = [_upload(actor, namespace, team, intermediate)]
    done += [_create(actor, namespace, team, client) for client in clients]
    return done


def _upload(actor: User, namespace: Namespace, team: Team | None, pem: str) -> Registration:
    try:
        certificate = read_upload(pem.encode("utf-8", "surrogatepass"))[0]
        here = _already_here(namespace, certificate)
        if here is not None:
            return Registration(CA, here.name, "It is here already.")
        name = _free_name(namespace)
        upload_ca_certificate(
            actor, namespace=namespace, team=team, name=name, description=DESCRIPTION, certificate=certificate
        )
    except (DecodingError, RuleError) as refusal:
        return Registration(CA, "intermediate_ca.crt", refusal.sentence)
    return Registration(CA, name)


def _already_here(namespace: Namespace, certificate: Certificate) -> CACertificate | None:
    rows = CACertificate.objects.present().filter(namespace=namespace, thumbprint=certificate.thumbprint_sha256)
    return rows.first()


def _free_name(namespace: Namespace) -> str:
    taken = {name.lower() for name in CACertificate.objects.filter(namespace=namespace).values_list("name", flat=True)}
    return next(name for name in _names() if name not in taken)


def _names() -> Iterator[str]:
    yield "sample-intermediate"
    yield from (f"sample-intermediate-{number}" for number in count(2))


def _create(actor: User, namespace: Namespace, team: Team | None, client: SampleClient) -> Registration:
    name = re.sub(r"[^-a-zA-Z0-9:._]", "-", client.authentication_name)[:MAX_NAME_LENGTH]
    try:
        create_client(
            actor,
            namespace=namespace,
            team=team,
            name=name,
            authentication_name=client.authentication_name,
            validation_scheme=client.validation_scheme,
            thumbprints=[client.thumbprint] if client.validation_scheme == THUMBPRINT_SCHEME else [],
            description=DESCRIPTION,
        )
    except RuleError as refusal:
        return Registration(CLIENT, client.authentication_name, refusal.sentence)
    return Registration(CLIENT, name)
