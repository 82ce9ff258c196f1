"""Register a waiting device by a click: judged again as it came, with the rules and clients of now."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from certificates.actions.first_contact.blocks import check_team
from certificates.actions.first_contact.registering import (
    Device,
    blocked_sentence,
    create_for,
    note_registered,
    record_of,
)
from certificates.authentication.engine import authenticate
from certificates.authentication.matching import presented_values
from certificates.authentication.types import (
    ALTERNATIVE_SOURCES,
    Decision,
    NamespaceState,
    TrustedCA,
    authentication_name_key,
)
from certificates.decisions.first_contact import Newcomer, newcomer
from certificates.models import CACertificate, FirstContact, RegistrationTemplate, WaitingDevice
from certificates.namespace_rules import rules_of, templates_of
from certificates.x509.certificate import DecodingError, load_certificate
from namespaces.connections.client_certificates import presented_ders
from namespaces.models import Client, Namespace
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.control import one_transaction


def register_waiting(actor: User, *, namespace: Namespace, device: WaitingDevice) -> Client:
    """Create the client of a waiting device by its template, in the name of the actor. Raise RuleError, NeedsApproval.

    The limits of the template do not count here: a person looks at each.
    """
    with one_transaction():
        rows = WaitingDevice.objects.select_for_update(of=("self",)).select_related("team")
        row = rows.filter(pk=device.pk, namespace=namespace.pk).first()
        if row is None:
            raise RuleError("", "gone", "It does not wait any more.")
        check_team(actor, row)
        templates = RegistrationTemplate.objects.select_for_update(of=("self",)).select_related("ca__namespace", "team")
        template = templates.filter(ca=row.ca_id).exclude(mode=FirstContact.OFF).first()
        if template is None:
            raise RuleError("", "turned-off", "Its CA certificate registers no devices any more.")
        now = timezone.now()
        found = _judged(namespace, row, at=namespace.judged_at(now))
        contact = Device(found, _chain(row), row.user_name)
        sentence = blocked_sentence(namespace.pk, contact)
        if sentence:
            raise RuleError("", "blocked", sentence)
        client = create_for(actor, template, contact)
        note_registered(template, contact, client, now, by=actor)
    return client


def _judged(namespace: Namespace, row: WaitingDevice, *, at: datetime) -> Newcomer:
    """Return the device as the engine sees it now. Raise RuleError where it would not be registered any more."""
    state = _state(namespace, row)
    sent = _chain(row)
    presented, user_name = bytes(row.der), row.user_name or None
    decision = authenticate(presented=presented, chain=sent, user_name=user_name, state=state, at=at)
    found = newcomer(
        decision,
        presented=presented,
        chain=sent,
        user_name=user_name,
        state=state,
        templates=templates_of(namespace.pk),
        at=at,
    )
    if found is None:
        raise RuleError("", "refused-by-now", _why(decision))
    if not found.may_be_registered:
        raise RuleError("", found.objection, found.sentence)
    return found


def _chain(row: WaitingDevice) -> tuple[bytes, ...]:
    return tuple(filter(None, presented_ders(row.chain)))


def _why(decision: Decision) -> str:
    if decision.accepted:
        return "It has a client by now."
    if decision.code == "client-found":
        return "Its certificate does not lead to a CA certificate that registers devices any more."
    return decision.reason


def _state(namespace: Namespace, row: WaitingDevice) -> NamespaceState:
    """Return the namespace with those clients only that the device could be by one of its names. What is hidden has no names."""
    cas = CACertificate.objects.trusted().filter(namespace=namespace.pk).order_by("pk")
    clients = Client.objects.present().filter(namespace=namespace.pk, authentication_key__in=_keys(row))
    return NamespaceState(
        cas=tuple(TrustedCA(namespace.sight.name_of(ca), bytes(ca.der)) for ca in cas if ca.der),
        clients={each.authentication_key: record_of(each) for each in clients.select_related("team")},
        alternative_sources=namespace.alternative_sources,
        rules=rules_of(namespace.pk, sight=namespace.sight),
    )


def _keys(row: WaitingDevice) -> Sequence[str]:
    try:
        leaf = load_certificate(bytes(row.der))
    except DecodingError:
        return [row.authentication_key]
    names = [each for scheme in ALTERNATIVE_SOURCES.values() for each in presented_values(leaf, scheme)]
    return [row.authentication_key, *map(authentication_name_key, names)]
