"""The rules of a namespace that Azure does not have, from the rows, in the form of the authentication engine."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from certificates.authentication.rules.revocation_lists import ListError, known_list
from certificates.authentication.rules.types import (
    Group,
    IssuerBinding,
    NamespaceRules,
    Pin,
    Policy,
    Revocation,
    RevocationList,
    TimeWindow,
    bindings_of,
)
from certificates.decisions.first_contact import Template
from certificates.models import (
    CACertificate,
    DecisionRules,
    FirstContact,
    PinnedKey,
    RegistrationTemplate,
    RevokedCertificate,
    StaleList,
)
from certificates.models import IssuerBinding as StoredBinding
from certificates.models import RevocationList as StoredList
from certificates.x509.certificate import public_key_hash
from namespaces.authorization.group_queries import Query, QueryError, parse_query
from sync.models import HIDDEN_NAME, Sight

logger = logging.getLogger(__name__)
_NEVER = TimeWindow(frozenset(), time(0), time(0), ZoneInfo("UTC"))


def rules_of(namespace_pk: int, *, sight: Sight | None = None) -> NamespaceRules:
    """Return the rules of a namespace. With `sight`, what is hidden from that person has neutral names; the rules are the same."""
    return rules_of_each([namespace_pk], sights={namespace_pk: sight} if sight is not None else {})[namespace_pk]


def rules_of_each(
    namespace_pks: Iterable[int], *, sights: Mapping[int, Sight] | None = None
) -> dict[int, NamespaceRules]:
    """Return the rules of several namespaces, with as many queries as for one. `sights`: as for `rules_of`, by namespace."""
    reader = _Reader(list(namespace_pks), sights or {})
    return {pk: reader.rules(pk) for pk in reader.pks}


class _Reader:
    """The rows of some namespaces, read once."""

    def __init__(self, pks: list[int], sights: Mapping[int, Sight]) -> None:
        self.pks = pks
        self._sights = sights
        self._settings = {row.namespace_id: row for row in DecisionRules.objects.filter(namespace__in=pks)}
        self._revoked = _by_namespace(RevokedCertificate.objects.in_force().filter(namespace__in=pks).order_by("pk"))
        self._pins = _pins(pks)
        bindings = StoredBinding.objects.filter(ca__namespace__in=pks).select_related("ca").order_by("pk")
        self._bindings: dict[int, list[StoredBinding]] = defaultdict(list)
        for binding in bindings.prefetch_related("teams", "groups"):
            self._bindings[binding.ca.namespace_id].append(binding)
        self._lists = _by_namespace(StoredList.objects.filter(namespace__in=pks).exclude(der=b"").order_by("pk"))
        self._cas: dict[int, list[CACertificate]] = defaultdict(list)
        if self._lists or self._pins:
            for ca in CACertificate.objects.filter(namespace__in=pks).order_by("pk"):
                if ca.der:
                    self._cas[ca.namespace_id].append(ca)

    def rules(self, pk: int) -> NamespaceRules:
        settings = self._settings.get(pk)
        return NamespaceRules(
            revocations=tuple(map(_revocation, self._revoked.get(pk, ()))),
            lists=tuple(self._checked_lists(pk)),
            refuses_stale_lists=settings is not None and settings.stale_list == StaleList.REFUSE,
            bindings=bindings_of(self._readable_bindings(pk)),
            policy=policy_of(settings) if settings is not None else Policy(),
            pins={key: Pin(self._named(pk, keys)) for key, keys in self._pins.get(pk, {}).items()},
        )

    def _checked_lists(self, pk: int) -> Iterator[RevocationList]:
        """Yield the lists that count: those that were signed by a key that a CA certificate here has."""
        for row in self._lists.get(pk, ()):
            own = [ca for ca in self._cas[pk] if public_key_hash(bytes(ca.der)) == row.signer_key]
            own.sort(key=lambda ca: ca.pk != row.ca_id)
            if not own:
                continue
            try:
                yield known_list(bytes(row.der), bytes(own[0].der))
            except ListError as error:
                logger.error("A stored revocation list (%s) cannot be used: %s.", row.pk, error.code)

    def _readable_bindings(self, pk: int) -> Iterator[IssuerBinding]:
        sight = self._sights.get(pk)
        for row in self._bindings.get(pk, ()):
            key = public_key_hash(bytes(row.ca.der)) if row.ca.der else ""
            if not key:
                continue
            is_hidden = sight is not None and sight.hides(row.ca)
            yield IssuerBinding(
                key=key,
                name=sight.name_of(row.ca) if sight is not None else row.ca.name,
                teams=tuple(sorted({_team_name(team.pk, team.name, sight) for team in row.teams.all()})),
                groups=tuple(
                    Group(group.name, _query(group.query)) for group in row.groups.all() if group.deleted_at is None
                ),
                patterns=tuple(str(pattern) for pattern in row.patterns),
                is_hidden=is_hidden,
            )

    def _named(self, pk: int, keys: Mapping[str, str]) -> dict[str, str]:
        """Return the pinned keys with the name of the CA certificate that has each now, or had it when it was pinned."""
        sight = self._sights.get(pk)
        now = {
            public_key_hash(bytes(ca.der)): sight.name_of(ca) if sight is not None else ca.name for ca in self._cas[pk]
        }
        is_partial = sight is not None and sight.is_partial
        return {key: now.get(key) or (HIDDEN_NAME if is_partial and name else name) for key, name in keys.items()}


def _by_namespace(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.namespace_id].append(row)
    return found


def _pins(pks: list[int]) -> dict[int, dict[str, dict[str, str]]]:
    """Return by namespace and client the keys that it is pinned to, with the names of their CA certificates at that time."""
    found: dict[int, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    rows = PinnedKey.objects.filter(client__namespace__in=pks, client__deleted_at__isnull=True).order_by("pk")
    columns = ("client__namespace_id", "client__name", "spki_sha256", "ca_name")
    for namespace_pk, client, key, name in rows.values_list(*columns):
        found[namespace_pk][client.lower()][key] = name
    return found


def _revocation(row: RevokedCertificate) -> Revocation:
    return Revocation(
        serial=row.serial,
        issuer=row.issuer,
        issuer_key=row.issuer_key,
        thumbprint=row.thumbprint,
        reason=row.reason,
        revoked_at=row.revoked_at,
    )


def _team_name(pk: int, name: str, sight: Sight | None) -> str:
    """Return a team's name; of one that the person does not belong to, where teams hide from each other, a neutral one."""
    return HIDDEN_NAME if sight is not None and sight.is_partial and pk not in sight.teams else name


def _query(text: str) -> Query | None:
    try:
        return parse_query(text)
    except QueryError:
        return None


def policy_of(row: DecisionRules) -> Policy:
    """Return what a namespace asks of each certificate, saved or not."""
    return Policy(
        windows=tuple(map(_window, row.windows)),
        max_age_days=row.max_age_days,
        min_rsa_bits=row.min_rsa_bits,
        min_ec_bits=row.min_ec_bits,
    )


def _window(stored: Mapping[str, Any]) -> TimeWindow:
    """Return a stored window. One that cannot be read, such as in a zone that is no longer known, never opens."""
    try:
        start, end = time.fromisoformat(stored["start"]), time.fromisoformat(stored["end"])
        return TimeWindow(frozenset(stored["days"]), start, end, ZoneInfo(stored["zone"]))
    except (KeyError, TypeError, ValueError, OSError):
        logger.exception("A stored time window cannot be read")
        return _NEVER


def templates_of(namespace_pk: int) -> dict[str, Template]:
    """Return how the CA certificates of a namespace register devices, by key; those that are off are left out."""
    rows = RegistrationTemplate.objects.filter(ca__namespace=namespace_pk).exclude(mode=FirstContact.OFF)
    trusted = rows.filter(ca__in=CACertificate.objects.trusted().filter(namespace=namespace_pk).order_by().values("pk"))
    found: dict[str, Template] = {}
    for row in trusted.select_related("ca", "team").order_by("pk"):
        key = public_key_hash(bytes(row.ca.der)) if row.ca.der else ""
        if key:
            found.setdefault(key, template_of(row, key))
    return found


def template_of(row: RegistrationTemplate, key: str) -> Template:
    """Return a stored template in the form of the rules. `key`: of the public key of its CA certificate."""
    return Template(
        ca=row.ca_id,
        ca_name=row.ca.name,
        key=key,
        edition=row.edition,
        source=row.source,
        validation_scheme=row.validation_scheme,
        team=row.team.name if row.team is not None else "",
        attributes=row.attributes,
        patterns=tuple(map(str, row.patterns)),
        queues=row.mode == FirstContact.QUEUE,
    )
