"""Register a device on first contact: in one transaction, by the action that creates every client."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.utils import timezone

from certificates.actions.first_contact.blocks import block_of
from certificates.actions.first_contact.waiting import forget_waiting, note_waiting
from certificates.authentication.types import ClientRecord, authentication_name_key
from certificates.decisions.first_contact import Newcomer, client_name
from certificates.models import BlockedName, BlockReason, FirstContact, Held, RegisteredDevice, RegistrationTemplate
from namespaces.actions.clients import insert_client
from namespaces.models import Client, ClientCertificate
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import HeldBack

DESCRIPTION = "Registered on first contact"


class Outcome(StrEnum):
    """What came of a first contact. The codes are in the connection log."""

    REGISTERED = "registered"
    KNOWN = "known"  # another process has registered it, or a person
    WAITING = "waiting"
    BLOCKED = "blocked"
    LIMITED = "limited"
    REFUSED = "refused"
    CHANGED = "changed"  # the template is another one by now: to be asked again


@dataclass(frozen=True)
class Contact:
    """The outcome, with a sentence for people, and the client that counts from now on."""

    outcome: Outcome
    sentence: str = ""
    client: ClientRecord | None = None


@dataclass(frozen=True)
class Device:
    """A device as it came: what the engine says of it, and what it sent. `user_name`: of MQTT, or ""."""

    newcomer: Newcomer
    chain: Sequence[bytes]
    user_name: str = ""

    @property
    def name(self) -> str:
        return self.newcomer.client.authentication_name

    @property
    def thumbprint(self) -> str:
        return self.newcomer.leaf.thumbprint_sha256


def meet(device: Device) -> Contact:
    """Register a device, or list it, as its template has it, in a transaction of its own.

    The outcome is committed when this returns. Errors of the database pass through: the device must not be let in then.
    """
    try:
        return _meet(device)
    except IntegrityError:  # a client of the same name was created meanwhile, not through this template
        return _meet(device)


def _meet(device: Device) -> Contact:
    asked = device.newcomer.template
    with transaction.atomic(durable=True):
        templates = RegistrationTemplate.objects.select_for_update(of=("self",))  # one device after the other
        template = templates.select_related("ca__namespace", "team", "changed_by").filter(ca=asked.ca).first()
        if template is None or template.edition != asked.edition or template.ca.deleted_at is not None:
            return Contact(Outcome.CHANGED)
        known = _known(template, device)
        if known is not None:
            return known
        sentence = blocked_sentence(template.ca.namespace_id, device)
        if sentence:
            return Contact(Outcome.BLOCKED, sentence)
        if template.mode != FirstContact.REGISTER:
            return _wait(template, device, Held.QUEUE)
        now = timezone.now()
        if _count(template) >= template.cap:
            return _wait(template, device, Held.CAP)
        for each, most in ((timedelta(minutes=1), template.per_minute), (timedelta(hours=1), template.per_hour)):
            if _count(template, since=now - each) >= most:
                word = "minute" if each < timedelta(hours=1) else "hour"
                return Contact(
                    Outcome.LIMITED,
                    f"{template.ca.name} registers at most {most} device{'s' if most > 1 else ''} each {word}. Try again.",
                )
        return _register(template, device, now)


def _known(template: RegistrationTemplate, device: Device) -> Contact | None:
    """Return the client that has this name by now, or why it cannot have a client of its own."""
    rows = Client.objects.filter(namespace=template.ca.namespace_id).select_related("team")
    row = rows.filter(authentication_key=authentication_name_key(device.name)).first()
    if row is None:
        return None
    if row.deleted_at is not None:
        return Contact(Outcome.BLOCKED, "Its client is being deleted.")
    return Contact(Outcome.KNOWN, client=record_of(row))


def record_of(row: Client) -> ClientRecord:
    """Return a client as the engine takes it."""
    is_enabled = row.state == Client.ConnectionState.ENABLED
    team = row.team.name if row.team is not None else ""
    name, scheme, thumbprints = row.authentication_name, row.validation_scheme, tuple(row.thumbprints)
    return ClientRecord(row.name, name, scheme, thumbprints, is_enabled, team, row.attributes)


def blocked_sentence(namespace_pk: int, device: Device) -> str:
    """Return why a device is not registered until a person releases it, "" where it is not blocked."""
    block = block_of(namespace_pk, device.name, device.thumbprint)
    if block is not None:
        return _sentence_of(block)
    shown = ClientCertificate.objects.filter(namespace=namespace_pk, thumbprint=device.thumbprint)
    called = shown.values_list("client_name", flat=True).first()
    if called and Client.objects.present().filter(namespace=namespace_pk).named(called).exists():
        return "Its certificate belongs to another client."
    return ""


def _sentence_of(block: BlockedName) -> str:
    until = "It is not registered until a person releases the name."
    if block.reason == BlockReason.DISMISSED:
        return f"A person has dismissed it. {until}"
    what = "Its certificate belonged to a client that" if block.thumbprint else "A client of this name"
    return f"{what} {'was deleted' if block.reason == BlockReason.DELETED else 'got another name'}. {until}"


def _count(template: RegistrationTemplate, *, since: datetime | None = None) -> int:
    """Return how many devices the template itself has registered."""
    rows = RegisteredDevice.objects.filter(ca=template.ca_id, registered_by=None)
    return (rows.filter(at__gt=since) if since is not None else rows).count()


def _register(template: RegistrationTemplate, device: Device, now: datetime) -> Contact:
    if template.changed_by is None:
        return _wait(template, device, Held.REFUSED, "The account in whose name devices were registered is gone.")
    try:
        with transaction.atomic():
            row = create_for(template.changed_by, template, device)
    except RuleError as refusal:
        return _wait(template, device, Held.REFUSED, refusal.sentence)
    except HeldBack:
        return _wait(template, device, Held.APPROVAL)
    note_registered(template, device, row, now, by=None)
    return Contact(Outcome.REGISTERED, f"Registered on first contact, by {template.ca.name}.", record_of(row))


def create_for(actor: User, template: RegistrationTemplate, device: Device) -> Client:
    """Create the client of a device, inside the caller's transaction. Raise RuleError, HeldBack."""
    client, namespace = device.newcomer.client, template.ca.namespace
    is_taken = Client.objects.filter(namespace=namespace).named(client.name).exists()
    with activity.because(f"First contact, by the CA certificate {template.ca.name}."):
        return insert_client(
            actor,
            namespace=namespace,
            team=template.team,
            name=client_name(client.authentication_name, is_taken=is_taken),
            authentication_name=client.authentication_name,
            validation_scheme=client.validation_scheme,
            thumbprints=client.thumbprints,
            description=DESCRIPTION,
            attributes=template.attributes,
        )


def note_registered(
    template: RegistrationTemplate, device: Device, row: Client, at: datetime, *, by: User | None
) -> None:
    """Count a registration, and take the device from those that wait."""
    RegisteredDevice.objects.create(
        ca=template.ca, client_name=row.name, thumbprint=device.thumbprint, at=at, registered_by=by
    )
    forget_waiting(template.ca.namespace_id, device.name)


def _wait(template: RegistrationTemplate, device: Device, held: Held, why: str = "") -> Contact:
    has_room = note_waiting(template, device.newcomer, device.chain, device.user_name, held, why)
    sentence = (
        "It waits for a person to register it."
        if has_room
        else "It is not listed either: too many devices wait already."
    )
    return Contact(Outcome.WAITING if has_room else Outcome.LIMITED, f"{why} {sentence}".strip())
