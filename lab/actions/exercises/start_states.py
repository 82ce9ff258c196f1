"""Put a namespace into the start state of an exercise, as the trainee and through the actions of the other apps.

Only what is the exercise's own is touched: the clients that it names, and CA certificates that exercises of this person
made.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any

from certificates.actions.ca_certificates import delete_ca_certificate, upload_ca_certificate
from certificates.models import CACertificate
from certificates.x509.reading import read_upload
from lab.actions.exercises.files import SUBJECT
from lab.catalogue.exercise import Exercise
from lab.models import Progress
from namespaces.access import teams_of
from namespaces.actions.change_sets.policy import ask_also, take_back
from namespaces.actions.clients import change_authentication_name, create_client, delete_client, update_client
from namespaces.control.rules.policy import Need
from namespaces.models import Client, Namespace
from portal.models import Team, User
from sync.arm.gateway import arm_gateway
from sync.capabilities.fault_training import LESSONS, fault_control, state_of, turn_off, turn_on
from sync.drift.scan import scan
from sync.push.claim_and_settle import push
from sync.registry import Scope

DESCRIPTION = "Exercise of the lab"
OTHER_THUMBPRINT = "5e" * 32  # of no certificate


def default_team(actor: User) -> Team | None:
    """Return the team of new rows: the only one that the person is in, as in the forms."""
    teams = list(teams_of(actor)[:2])
    return teams[0] if len(teams) == 1 else None


def scope_of(namespace: Namespace) -> Scope:
    return Scope(namespace.pk, namespace.resource_id, namespace.name)


def apply_start(actor: User, namespace: Namespace, exercise: Exercise, files: Mapping[str, Mapping[str, str]]) -> None:
    """Make the namespace as the exercise begins. Raise RuleError, AzureRefused or AzureUnreachable."""
    start = exercise.start
    _turn_faults_off(actor, namespace)
    take_approvals_back(namespace)
    for name in start.get("absent", ()):
        _delete_client(actor, namespace, str(name))
    own = {stem: each["thumbprint"] for stem, each in files.items()} if start.get("own_chain") else {}
    keep = {thumbprint for stem, thumbprint in own.items() if stem not in start.get("not_uploaded", ())}
    _delete_former_cas(actor, namespace, keep=keep)
    for file in filter(files.__contains__, start.get("uploaded", ())):
        upload_file(actor, namespace, files[file], name=f"lab-{str(file).replace('_', '-')}")
    for table in start.get("clients", ()):
        put_client(actor, namespace, files, **table)
    for table in start.get("in_azure", ()):
        _put_into_azure(namespace, **table)
    if start.get("faults"):
        _send_clients(namespace, exercise)
    for code in start.get("faults", ()):
        control = fault_control()
        if control is not None:
            turn_on(actor, control, scope_of(namespace), code=str(code), share="100", count="")


def ask_for_approval(namespace: Namespace, exercise: Exercise) -> dict[str, Any] | None:
    """Let the policy of the namespace ask for what the exercise is about. Return what takes that back; None for nothing."""
    needs = [Need(code) for code in exercise.start.get("approval", ())]
    return ask_also(namespace, needs) if needs else None


def take_approvals_back(namespace: Namespace) -> None:
    """Restore the policy of the namespace where an exercise changed it, whoever began it."""
    for progress in Progress.objects.filter(namespace=namespace, facts__has_key="approval").order_by("-started_at"):
        take_back(namespace, progress.facts.pop("approval"))
        progress.save(update_fields=["facts"])


def _send_clients(namespace: Namespace, exercise: Exercise) -> None:
    """Send the clients of the start state to Azure now, before a fault keeps them from it."""
    names = [str(each["name"]) for each in exercise.start.get("clients", ())]
    for row in Client.objects.present().filter(namespace=namespace, name__in=names):
        push(row)


def _turn_faults_off(actor: User, namespace: Namespace) -> None:
    control, known = fault_control(), {lesson.code for lesson in LESSONS}
    if control is None:
        return
    for running in state_of(control, scope_of(namespace)).here:
        if running.code in known:
            turn_off(actor, control, scope_of(namespace), rule_id=running.id)


def _delete_former_cas(actor: User, namespace: Namespace, *, keep: set[str]) -> None:
    """Delete the CA certificates that this person's exercises made here, apart from those to keep."""
    facts = Progress.objects.filter(user=actor, namespace=namespace).values_list("facts", flat=True)
    made = {file["thumbprint"] for each in facts for file in each.get("files", {}).values()} - keep
    rows = CACertificate.objects.present().filter(namespace=namespace, thumbprint__in=made)
    for row in rows.select_related("namespace", "team"):
        delete_ca_certificate(actor, certificate=row)


def _delete_client(actor: User, namespace: Namespace, name: str) -> None:
    row = _client(namespace, name)
    if row is not None:
        delete_client(actor, client=row)


def _client(namespace: Namespace, name: str) -> Client | None:
    rows = Client.objects.present().named(name).filter(namespace=namespace)
    found: Client | None = rows.select_related("namespace", "team").first()
    return found


def upload_file(actor: User, namespace: Namespace, file: Mapping[str, str], *, name: str) -> CACertificate:
    """Upload a certificate of the exercise, unless it is uploaded."""
    here = CACertificate.objects.present().filter(namespace=namespace)
    row: CACertificate | None = here.filter(thumbprint=file["thumbprint"]).first()
    if row is not None:
        return row
    taken = {each.lower() for each in here.values_list("name", flat=True)}
    free = next(each for number in count(1) if (each := name if number == 1 else f"{name}-{number}") not in taken)
    return upload_ca_certificate(
        actor,
        namespace=namespace,
        team=default_team(actor),
        name=free,
        description=DESCRIPTION,
        certificate=read_upload(file["pem"].encode())[0],
    )


def put_client(
    actor: User,
    namespace: Namespace,
    files: Mapping[str, Mapping[str, str]],
    *,
    name: str,
    authentication_name: str = "",
    scheme: str = SUBJECT,
    state: str = "Enabled",
    file: str = "",
) -> None:
    """Create or change a client of the exercise. `file`: with Thumbprint Match, the certificate; "other" is none of them."""
    thumbprints = [files[file]["thumbprint"] if file in files else OTHER_THUMBPRINT] if file else []
    values: dict[str, Any] = {"validation_scheme": scheme, "thumbprints": thumbprints, "state": state}
    row = _client(namespace, name)
    if row is None:
        values |= {"name": name, "authentication_name": authentication_name or name, "description": DESCRIPTION}
        create_client(actor, namespace=namespace, team=default_team(actor), **values)
        return
    update_client(actor, client=row, description=row.description, attributes=row.attributes, **values)
    change_authentication_name(actor, client=row, authentication_name=authentication_name or name)


def _put_into_azure(namespace: Namespace, *, name: str, description: str) -> None:
    """Create or change a client in Azure behind the portal's back, and let the portal find it."""
    properties = {
        "authenticationName": name,
        "description": description,
        "state": "Enabled",
        "clientCertificateAuthentication": {"validationScheme": SUBJECT},
        "attributes": {},
    }
    arm_gateway().put(f"{namespace.resource_id}/clients/{name}", {"properties": properties})
    scan(scope_of(namespace))
