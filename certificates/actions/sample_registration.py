"""Register a sample chain: upload its intermediate and create a client for each certificate.

It uses the same actions and checks as the forms, one change each.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.authentication.matching import THUMBPRINT_SCHEME
from certificates.models import CACertificate
from certificates.x509.certificate import Certificate, DecodingError
from certificates.x509.reading import read_upload
from namespaces.access import teams_of
from namespaces.actions.clients import create_client
from namespaces.models import Namespace
from namespaces.rights import rights_now
from namespaces.rules.clients import MAX_NAME_LENGTH
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.control import HeldBack

CA, CLIENT = "CA certificate", "Client"
DESCRIPTION = "Sample for testing"


@dataclass(frozen=True)
class SampleClient:
    """A client to register, as submitted and not yet checked."""

    authentication_name: str
    validation_scheme: str
    thumbprint: str


@dataclass(frozen=True)
class Registration:
    """The result for one resource. `problem` is why it was not created, or "", and `code` its stable code."""

    kind: str
    name: str
    problem: str = ""
    code: str = ""


def register_samples(
    actor: User, *, namespace: Namespace, intermediate: str, clients: Sequence[SampleClient]
) -> list[Registration]:
    """Upload the intermediate and create the clients. One that fails does not stop the others.

    Raise HeldBack for those that need approval, when the others are done.
    """
    teams = list(teams_of(actor)[:2])
    team = teams[0] if len(teams) == 1 else None  # the same default as in the forms
    steps: list[Callable[[], Registration]] = [lambda: _upload(actor, namespace, team, intermediate)]
    steps += [partial(_create, actor, namespace, team, client) for client in clients]
    done, held = [], []
    for step in steps:
        try:
            done.append(step())
        except HeldBack as each:
            held.append(each)
    if held:
        raise HeldBack.of_all(held)
    return done


def _upload(actor: User, namespace: Namespace, team: Team | None, pem: str) -> Registration:
    try:
        certificate = read_upload(pem.encode("utf-8", "surrogatepass"))[0]
        uploaded = _already_uploaded(namespace, certificate)
        if uploaded is not None:
            sight = rights_now(actor, namespace.pk).sight(namespace.pk)
            return Registration(CA, sight.name_of(uploaded), "It is already uploaded.", "duplicate")
        name = _free_name(namespace)
        upload_ca_certificate(
            actor, namespace=namespace, team=team, name=name, description=DESCRIPTION, certificate=certificate
        )
    except (DecodingError, RuleError) as refusal:
        return Registration(CA, "intermediate_ca.crt", refusal.sentence, refusal.code)
    return Registration(CA, name)


def _already_uploaded(namespace: Namespace, certificate: Certificate) -> CACertificate | None:
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
        return Registration(CLIENT, client.authentication_name, refusal.sentence, refusal.code)
    return Registration(CLIENT, name)
