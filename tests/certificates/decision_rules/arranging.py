"""A plant whose namespace has rules that Azure does not have, stored as rows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.models import (
    CACertificate,
    DecisionRules,
    IssuerBinding,
    PinnedKey,
    RevocationList,
    RevokedCertificate,
)
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.certificate import load_certificate, public_key_hash
from namespaces.models import DecisionPoint, Namespace, Role
from namespaces.rights import Rights
from portal.models import Team, User
from tests.support.certificates.chains import Identity, authority
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_team,
    make_user,
)

DAY = timedelta(days=1)
OWN_RIGHTS = Rights(((Role.OWNER, None),))


class Plant:
    """A namespace with one CA certificate, and a client of Line A below it."""

    def __init__(self) -> None:
        self.at = timezone.now().replace(microsecond=0)
        self.line = authority("Line CA", at=self.at)
        self.device = self.line.issue("press-1")
        self.ada: User = make_user("ada")
        self.team: Team = make_team("Line A", self.ada)
        self.namespace: Namespace = make_namespace(contributor=self.ada)
        self.ca = make_ca_certificate(self.namespace, "line-ca", der=self.line.der)
        attributes = {"kind": "press"}
        self.client = make_client(self.namespace, "press-1", team=self.team, attributes=attributes)
        self.namespace.rights = OWN_RIGHTS

    def code(self, device: Identity | None = None) -> str:
        """The step at which the engine refuses, or "accepted"."""
        state = namespace_state(self.namespace)
        presented = (device or self.device).der
        return authenticate(presented=presented, user_name="press-1", state=state, at=self.at).code

    def bind(self, ca: CACertificate | None = None, **fields: Any) -> IssuerBinding:
        return IssuerBinding.objects.create(ca=ca or self.ca, changed_at=self.at, **fields)

    def revoke(self, **fields: Any) -> RevokedCertificate:
        row = RevokedCertificate(namespace=self.namespace, revoked_at=self.at, **fields)
        row.set_certificate(load_certificate(self.device.der))
        row.save()
        return row

    def list_revoked(self, *devices: Identity, **fields: Any) -> RevocationList:
        crl = revocation_list(self.line, *devices, this_update=self.at - DAY, next_update=self.at + DAY)
        known: dict[str, Any] = {"der": crl, "signer_key": public_key_hash(self.line.der), "ca": self.ca} | fields
        return RevocationList.objects.create(namespace=self.namespace, **known)

    def pin(self, key: str, ca_name: str = "") -> None:
        PinnedKey.objects.create(client=self.client, spki_sha256=key, ca_name=ca_name, pinned_at=self.at)

    def ask(self, **fields: Any) -> None:
        DecisionRules.objects.create(namespace=self.namespace, **fields)

    def let_the_portal_decide(self, *, is_confirmed: bool = True) -> None:
        make_configuration(self.namespace, webhook_url="https://decide.example.com/decide/key")
        DecisionPoint.objects.create(namespace=self.namespace, confirmed_at=self.at if is_confirmed else None)


def bind_to_team(plant: Plant, name: str) -> None:
    plant.bind().teams.add(plant.team if name == plant.team.name else make_team(name))


def bind_to_group(plant: Plant, query: str) -> None:
    plant.bind().groups.add(make_client_group(plant.namespace, "presses", query=query))


def ask_hours(plant: Plant, **stored: Any) -> None:
    plant.ask(windows=[{"days": list(range(7)), "start": "00:00", "end": "00:00", "zone": "Europe/Berlin"} | stored])


def pin_to(plant: Plant, name: str) -> None:
    plant.pin(public_key_hash(authority(name, at=plant.at).der))


def list_of_another_key(plant: Plant) -> None:
    plant.list_revoked(plant.device, signer_key="0" * 64)


def released(plant: Plant) -> None:
    plant.revoke(released_at=plant.at)


ARRANGED: dict[str, tuple[Callable[[Plant], Any], str]] = {
    "no rule": (lambda plant: None, "accepted"),
    "revoked": (Plant.revoke, "not-revoked"),
    "released again": (released, "accepted"),
    "on a list": (lambda plant: plant.list_revoked(plant.device), "not-revoked"),
    "not on a list": (Plant.list_revoked, "accepted"),
    "on a list of a key that no CA has": (list_of_another_key, "accepted"),
    "an empty place for a list": (lambda plant: plant.list_revoked(der=b""), "accepted"),
    "its team": (lambda plant: bind_to_team(plant, "Line A"), "accepted"),
    "another team": (lambda plant: bind_to_team(plant, "Line B"), "issuer-vouches"),
    "its group": (lambda plant: bind_to_group(plant, "attributes.kind = 'press'"), "accepted"),
    "another group": (lambda plant: bind_to_group(plant, "attributes.kind = 'pump'"), "issuer-vouches"),
    "a group that cannot be read": (lambda plant: bind_to_group(plant, "kind is pump"), "issuer-vouches"),
    "its name": (lambda plant: plant.bind(patterns=["press-*"]), "accepted"),
    "another name": (lambda plant: plant.bind(patterns=["pump-*"]), "issuer-vouches"),
    "nobody": (Plant.bind, "issuer-vouches"),
    "young enough": (lambda plant: plant.ask(max_age_days=31), "accepted"),
    "too old": (lambda plant: plant.ask(max_age_days=29), "within-policy"),
    "a short curve": (lambda plant: plant.ask(min_ec_bits=384), "within-policy"),
    "RSA only": (lambda plant: plant.ask(min_rsa_bits=4096), "accepted"),
    "all hours": (ask_hours, "accepted"),
    "no day": (lambda plant: ask_hours(plant, days=[]), "within-policy"),
    "a zone that is not known": (lambda plant: ask_hours(plant, zone="Europe/Atlantis"), "within-policy"),
    "no zone": (lambda plant: ask_hours(plant, zone=None), "within-policy"),
    "its CA": (lambda plant: pin_to(plant, "Line CA"), "accepted"),
    "another CA": (lambda plant: pin_to(plant, "Other CA"), "key-pinned"),
}
