"""What is going on in the demo's plant: Line A replaces its CA certificate, and one certificate of the new CA is for a robot of Line B."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.actions.rollovers import start_rollover
from certificates.management.demo_data.plant import LINES, SUBJECT, Device
from certificates.models import CACertificate, CARollover
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.certificate import load_certificate
from namespaces.models import Namespace
from portal.models import Team, User

LINE = LINES[0]
SUCCESSOR = "line-a-2027"
MOVED = LINE.names[:5]  # they have certificates of the new CA by now
IMPOSTOR = LINES[1].names[11]  # of Line B: its team and the Owners get an issuer alarm
LIFETIME = timedelta(days=200)


def successor_chain(*, at: datetime) -> SampleChain:
    """Return the new CA of Line A, valid since yesterday, and the certificates that it has issued."""
    names = [ClientName(name, SUBJECT) for name in (*MOVED, IMPOSTOR)]
    return make_sample_chain(names, at=at - timedelta(days=1), lifetime=LIFETIME, label=SUCCESSOR)


def start_replacement(namespace: Namespace, chain: SampleChain) -> bool:
    """Upload the new CA certificate and start the replacement of the old one. Return False where that was done before."""
    if CARollover.objects.filter(namespace=namespace).exists():
        return False
    rows = CACertificate.objects.present().filter(namespace=namespace)
    old = rows.filter(name=LINE.ca).first()
    if old is None or rows.filter(name=SUCCESSOR).exists():
        return False
    person, team = User.objects.get(username=LINE.username), Team.objects.get(name=LINE.team)
    new = upload_ca_certificate(
        person,
        namespace=namespace,
        team=team,
        name=SUCCESSOR,
        description=f"Replaces {LINE.ca}.",
        certificate=load_certificate(chain.intermediate.certificate_der),
    )
    start_rollover(person, old=old, successor=new)
    return True


def devices_of_successor(chain: SampleChain) -> Iterator[Device]:
    """Yield the devices that come with certificates of the new CA: those of Line A, then the robot of Line B."""
    for name, certificate in zip((*MOVED, IMPOSTOR), chain.clients, strict=True):
        yield Device(certificate, name)
