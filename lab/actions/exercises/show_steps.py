"""The steps of *Show me*, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.actions.decision_rules.bindings import bind_issuer
from certificates.actions.decision_rules.revocations import revoke_certificate
from certificates.actions.rollovers import confirm_clients, start_rollover
from certificates.diagnosis.upload import diagnose_upload
from certificates.models import CACertificate, RevokedCertificate
from certificates.samples.chain import SampleCertificate, SampleChain
from certificates.x509.reading import from_stored_pem, load_certificate
from lab.actions.exercises.files import INTERMEDIATE, SUBJECT
from lab.actions.exercises.mqtt_once import Credentials, connect_once
from lab.actions.exercises.observing import note
from lab.actions.exercises.start_states import default_team, put_client, scope_of, upload_file
from lab.models import Progress
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.decisions import approve
from namespaces.actions.change_sets.requests import keep_draft, request_approval
from namespaces.actions.client_imports import keep_rows, start_import
from namespaces.actions.configuration import update_configuration
from namespaces.client_files.files import read_files
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.control.cases import approval_state
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, Client, Namespace, NamespaceConfiguration
from portal.models import User
from portal.observations import Observation
from sync.capabilities.fault_training import fault_control, turn_off
from sync.drift.resolutions import adopt, take_azures
from sync.models import Finding
from sync.push.claim_and_settle import push


@dataclass(frozen=True)
class Showing:
    """Who is shown an exercise where. `chain` has the keys, in memory only."""

    actor: User
    namespace: Namespace
    progress: Progress
    chain: SampleChain | None

    @property
    def files(self) -> Mapping[str, Mapping[str, str]]:
        files: Mapping[str, Mapping[str, str]] = self.progress.facts.get("files", {})
        return files

    def sample(self, file: str) -> SampleCertificate:
        assert self.chain is not None
        return next(each for each in self.chain.clients if each.file_name == file)


Step = Callable[..., object]
# Each with whether Azure must have confirmed the changes before it.
STEPS: dict[str, tuple[Step, bool]] = {}


def step(*, needs_azure: bool = False) -> Callable[[Step], Step]:
    """Make a function a step under its own name. It takes a `Showing` and keyword arguments from the exercise."""

    def known(function: Step) -> Step:
        STEPS[getattr(function, "__name__", "")] = (function, needs_azure)
        return function

    return known


@step()
def make_chain(showing: Showing) -> None:
    """Nothing more is to do: the chain was made when the showing began, and its public facts are noted."""


@step()
def upload_ca(showing: Showing, *, file: str = INTERMEDIATE) -> None:
    upload_file(showing.actor, showing.namespace, showing.files[file], name=f"my-{file.replace('_', '-')}")


@step(needs_azure=True)
def delete_ca(showing: Showing, *, file: str) -> None:
    rows = CACertificate.objects.present().filter(namespace=showing.namespace)
    for row in rows.filter(thumbprint=showing.files[file]["thumbprint"]).select_related("namespace", "team"):
        delete_ca_certificate(showing.actor, certificate=row)


@step()
def start_replacement(showing: Showing, *, file: str, through: str) -> None:
    start_rollover(showing.actor, old=_uploaded(showing, file), successor=_uploaded(showing, through))


@step()
def revoke(showing: Showing, *, file: str) -> None:
    """Revoke a certificate, unless it is revoked."""
    certificate = load_certificate(from_stored_pem(showing.files[file]["pem"]))
    rows = RevokedCertificate.objects.in_force().filter(namespace=showing.namespace)
    if not rows.filter(thumbprint=certificate.thumbprint_sha256).exists():
        revoke_certificate(
            showing.actor, namespace=showing.namespace, certificate=certificate, reason="keyCompromise", note="Exercise"
        )


@step()
def bind_ca(showing: Showing, *, file: str, patterns: list[str]) -> None:
    """Let the CA certificate vouch only for clients with names like these."""
    bind_issuer(showing.actor, ca=_uploaded(showing, file), teams=[], groups=[], patterns=patterns)


@step()
def confirm_by_hand(showing: Showing, *, client: str, file: str) -> None:
    """Say that the client needs the old CA certificate no longer."""
    row = Client.objects.present().named(client).get(namespace=showing.namespace)
    confirm_clients(showing.actor, old=_uploaded(showing, file), clients=[row.pk])


def _uploaded(showing: Showing, file: str) -> CACertificate:
    rows = CACertificate.objects.present().filter(namespace=showing.namespace)
    found: CACertificate = rows.select_related("namespace", "team").get(thumbprint=showing.files[file]["thumbprint"])
    return found


@step()
def try_upload(showing: Showing, *, file: str = "", is_key: bool = False) -> None:
    """Let the doctor check a file as the upload pane does. `is_key`: the private key beside the certificate."""
    pem = showing.sample(file).key_pem if is_key else showing.files[file]["pem"].encode()
    diagnosis = diagnose_upload(pem, at=showing.namespace.judged_at(timezone.now()))
    facts = tuple(facts_of_certificate(each.certificate) for each in diagnosis.certificates)
    ending = "key" if is_key else "crt"
    note(showing.actor, showing.namespace.pk, Observation("upload", diagnosis.code, f"{file}.{ending}", facts))


def facts_of_certificate(certificate: Any) -> dict[str, str]:
    """Return the names of a certificate that was checked. It is known already, so its PEM is not passed on."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "thumbprint": certificate.thumbprint_sha256,
        "kind": "ca" if certificate.is_ca else "leaf",
        "pem": "",
    }


@step()
def register_client(
    showing: Showing,
    *,
    client: str,
    authentication_name: str = "",
    scheme: str = SUBJECT,
    state: str = "Enabled",
    file: str = "",
) -> None:
    """Create the client, or change it to these values."""
    values = {"authentication_name": authentication_name, "scheme": scheme, "state": state, "file": file}
    put_client(showing.actor, showing.namespace, showing.files, name=client, **values)


@step()
def request_client(showing: Showing, *, client: str, scheme: str, reason: str) -> None:
    """Change the client, which needs approval, and request that."""
    try:
        put_client(showing.actor, showing.namespace, {}, name=client, scheme=scheme)
    except NeedsApproval as held:
        draft = keep_draft(showing.actor, held)
        request_approval(showing.actor, change_set=draft, title=draft.title, reason=reason)


@step()
def approve_by_another(showing: Showing, *, client: str) -> None:
    """Approve the open request about the client as a person who may, and apply it as a worker does. Nothing happens where no one may."""
    rows = ChangeSet.objects.filter(namespace=showing.namespace, requested_by=showing.actor, state=ChangeSet.State.OPEN)
    rows = rows.filter(changes__name=client, created_at__gte=showing.progress.started_at)
    for row in rows.select_related("namespace", "requested_by"):
        state = approval_state(row)
        for approver in User.objects.filter(pk__in=state.approvers).order_by("pk")[:1]:
            approve(approver, change_set=row, shown=state.shown)
            run_change_set(row.pk)


@step(needs_azure=True)
def choose_source(showing: Showing, *, source: str) -> None:
    """Let the endpoint find the authentication name in the certificate."""
    row = NamespaceConfiguration.objects.filter(namespace=showing.namespace).select_related("namespace").first()
    if row is not None:
        values = {"state": row.state, "max_sessions": row.max_sessions, "max_expiry_hours": row.max_expiry_hours}
        update_configuration(showing.actor, configuration=row, sources=[source], **values)


@step(needs_azure=True)
def connect(
    showing: Showing, *, file: str, user_name: str = "", chain: bool = False, topic: str = "", no_name: bool = False
) -> bool:
    """Connect with a certificate of the exercise. `chain`: send the intermediate too; `no_name`: send no user name."""
    endpoint = mqtt_endpoint(showing.namespace)
    if endpoint is None or showing.chain is None:
        return False
    sample = showing.sample(file)
    sent = (*sample.chain, *([showing.chain.intermediate.certificate_der] if chain else []))
    credentials = Credentials(sample.certificate_der, sent, sample.key_pem)
    return connect_once(endpoint, credentials, user_name="" if no_name else user_name or file, topic=topic)


@step()
def send_once(showing: Showing) -> None:
    """Send the waiting changes of clients once, as a worker does, whatever Azure answers."""
    for row in Client.objects.filter(namespace=showing.namespace).unsettled():
        push(row)


@step()
def turn_faults_off(showing: Showing) -> None:
    control = fault_control()
    if control is not None:
        turn_off(showing.actor, control, scope_of(showing.namespace))


@step()
def accept_drift(showing: Showing, *, name: str) -> None:
    """Take what Azure has."""
    found = Finding.objects.filter(scope=showing.namespace.pk, name=name, state=Finding.State.OPEN)
    for finding in found:
        if finding.drift == Finding.Class.APPEARED:
            adopt(showing.actor, finding=finding)
        else:
            take_azures(showing.actor, finding=finding)


@step()
def import_clients(showing: Showing, *, clients: list[str]) -> None:
    """Import clients from a table with their names, as the page does with an uploaded file."""
    table = "Client name\n" + "".join(f"{name}\n" for name in clients)
    found = read_files([("clients.csv", table.encode())])
    run = keep_rows(
        showing.actor, namespace=showing.namespace, team=default_team(showing.actor), found=found, title="clients.csv"
    )
    start_import(showing.actor, run=run, everything=False)
