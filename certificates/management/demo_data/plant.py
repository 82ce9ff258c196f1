"""Teams, CA certificates, clients and topic rules of the demo's plant, made by its people and sent to Azure by a worker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.models import CACertificate
from certificates.samples.chain import ClientName, SampleCertificate, SampleChain, make_sample_chain
from certificates.x509.certificate import load_certificate
from namespaces.actions.clients import create_client
from namespaces.actions.roles import grant_role
from namespaces.actions.topic_rules import create_client_group, create_permission_binding, create_topic_space
from namespaces.models import Client, ClientGroup, Namespace, NamespaceRole, PermissionBinding, Role, TopicSpace
from portal.models import Team, User

SUBJECT = "SubjectMatchesAuthenticationName"
DISABLED = "robot-04"
UNTRUSTED = 4  # the last clients of Line C have certificates of a CA that was never uploaded


@dataclass(frozen=True)
class Line:
    """A production line: its team, its person, its CA certificate and its clients."""

    team: str
    username: str
    ca: str
    client: str  # the beginning of the names
    clients: int
    lifetime: timedelta  # of client certificates; the CA certificate lives twice as long
    ca_expires: timedelta  # from now

    @property
    def names(self) -> Sequence[str]:
        return [f"{self.client}-{number:02}" for number in range(1, self.clients + 1)]


LINES = (
    Line("Line A", "dana", "line-a-2026", "press-a", 14, timedelta(days=10), timedelta(days=19, hours=12)),
    Line("Line B", "lee", "line-b-2027", "robot", 14, timedelta(days=150), timedelta(days=240)),
    Line("Line C", "lee", "line-c-2028", "gateway", 12, timedelta(days=300), timedelta(days=590)),
)


@dataclass(frozen=True)
class Device:
    """A device that connects: with this certificate, under this name."""

    certificate: SampleCertificate
    user_name: str


def chain_of(line: Line, *, at: datetime) -> SampleChain:
    """Return the certificates of a line, valid at `at`; those of three more devices that are refused are at the end."""
    names = [*line.names, f"{line.client}-99"]
    faulty = [ClientName(f"{line.client}-expired", SUBJECT, "expired")]
    begins = at + line.ca_expires - 2 * line.lifetime
    return make_sample_chain(
        [*(ClientName(name) for name in names), *faulty], at=begins, lifetime=line.lifetime, label=line.ca
    )


def devices_of(line: Line, chain: SampleChain, stranger: SampleChain) -> Iterator[Device]:
    """Yield the devices of a line: those that are let in, and one or more for each reason of a refusal."""
    for number, name in enumerate(line.names):
        is_trusted = line.team != "Line C" or number < line.clients - UNTRUSTED
        yield Device((chain if is_trusted else stranger).clients[number], name)
    yield Device(chain.clients[line.clients], f"{line.client}-99")  # not registered
    yield Device(chain.clients[line.clients + 1], line.names[0])  # expired
    yield Device(chain.clients[0], line.names[1])  # the certificate of another client


def furnish(admin: User, namespace: Namespace, chains: Sequence[SampleChain]) -> None:
    """Create what is missing. Everything is made by the line's person."""
    for line, chain in zip(LINES, chains, strict=True):
        person = User.objects.get(username=line.username)
        team = Team.objects.get_or_create(name=line.team)[0]
        team.members.add(person)
        if not NamespaceRole.objects.filter(namespace=namespace, team=team).exists():
            grant_role(admin, namespace=namespace, role=Role.CONTRIBUTOR, team=team)
        if not CACertificate.objects.filter(namespace=namespace, name=line.ca).exists():
            upload_ca_certificate(
                person,
                namespace=namespace,
                team=team,
                name=line.ca,
                description=f"Signs the devices of {line.team}.",
                certificate=load_certificate(chain.intermediate.certificate_der),
            )
        _register(person, team, namespace, line)
    _rule(admin, namespace)


def _register(person: User, team: Team, namespace: Namespace, line: Line) -> None:
    known = set(Client.objects.filter(namespace=namespace).values_list("name", flat=True))
    for name in line.names:
        if name not in known:
            create_client(
                person,
                namespace=namespace,
                team=team,
                name=name,
                authentication_name=name,
                validation_scheme=SUBJECT,
                state="Disabled" if name == DISABLED else "Enabled",
                attributes={"type": line.client.partition("-")[0], "line": line.team[-1]},
            )


def _rule(admin: User, namespace: Namespace) -> None:
    """Let every client publish and subscribe below machines/, as in Microsoft's quickstart."""
    if not ClientGroup.objects.filter(namespace=namespace, name="presses").exists():
        create_client_group(admin, namespace=namespace, team=None, name="presses", query="attributes.type = 'press'")
    if not TopicSpace.objects.filter(namespace=namespace, name="machines").exists():
        create_topic_space(admin, namespace=namespace, team=None, name="machines", templates=["machines/#"])
    for permission in ("Publisher", "Subscriber"):
        name = f"machines-{permission.lower()}"
        if not PermissionBinding.objects.filter(namespace=namespace, name=name).exists():
            create_permission_binding(
                admin,
                namespace=namespace,
                team=None,
                name=name,
                client_group_name="$all",
                topic_space_name="machines",
                permission=permission,
            )
