"""Devices without a client, as the service meets them."""

from typing import Any

from django.utils import timezone

from certificates.actions.first_contact.registering import Device
from certificates.authentication.engine import authenticate
from certificates.authentication.types import NamespaceState, TrustedCA
from certificates.decisions.first_contact import newcomer
from certificates.models import CACertificate
from certificates.namespace_rules import rules_of, templates_of
from tests.support.certificates.chains import Identity, authority

LINE = authority("Line 1 CA", at=timezone.now())


def device_of(ca: CACertificate, name: str, identity: Identity | None = None) -> Device:
    """Return a device of this name below LINE, which `ca` holds, as it comes now."""
    identity = identity or LINE.issue(name)
    state = NamespaceState((TrustedCA(ca.name, LINE.der),), rules=rules_of(ca.namespace_id))
    sent: dict[str, Any] = {"presented": identity.der, "chain": (), "user_name": name, "state": state}
    sent["at"] = timezone.now()
    found = newcomer(authenticate(**sent), templates=templates_of(ca.namespace_id), **sent)
    assert found is not None
    return Device(found, (), name)
