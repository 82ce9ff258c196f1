"""What the page First contact of a CA certificate shows: its template in words, what it has registered, and what it would."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from certificates.actions.first_contact.templates import TemplateValues
from certificates.authentication.engine import authenticate
from certificates.authentication.types import ALTERNATIVE_SOURCES, FAILED_TITLES, SCHEMES_BY_VALUE, NamespaceState
from certificates.decisions.first_contact import CLIENT_FOUND, Newcomer, Template, newcomer
from certificates.models import CACertificate, FirstContact, RegisteredDevice, RegistrationTemplate, WaitingDevice
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.certificate import public_key_hash
from namespaces.connections.client_certificates import presented_ders
from namespaces.models import LastAttempt, Namespace, Role
from namespaces.rights import Rights
from portal.models import Team

MOST_TRIED = 200  # refused devices, the newest first
NAMED = 10
SOURCES = tuple(
    (source, f"{SCHEMES_BY_VALUE[scheme].part[0].upper()}{SCHEMES_BY_VALUE[scheme].part[1:]}")
    for source, scheme in ALTERNATIVE_SOURCES.items()
)


@dataclass(frozen=True)
class ShownTemplate:
    """A template, with what it has done. `team`: its name, "" for none and None where the person may not know it."""

    row: RegistrationTemplate | None
    values: TemplateValues
    team: str | None
    registered: int
    waiting: int

    @property
    def is_on(self) -> bool:
        return self.values.mode != FirstContact.OFF

    @property
    def source(self) -> str:
        return dict(SOURCES)[self.values.source]


@dataclass(frozen=True)
class Preview:
    """Of the devices that were refused in the last month for want of a client: which would be registered, and which not, and why.

    `names`: the first of those that would; `others`: name and reason of the first that came below this CA and would not.
    """

    tried: int
    would: int
    names: Sequence[str]
    others: Sequence[tuple[str, str]]


def template_of_ca(row: CACertificate) -> RegistrationTemplate | None:
    return RegistrationTemplate.objects.filter(ca=row).select_related("team", "changed_by").first()


def shown_template(row: CACertificate, template: RegistrationTemplate | None) -> ShownTemplate:
    sight = row.namespace.sight
    team = template.team if template is not None else None
    is_known = team is None or not sight.is_partial or team.pk in sight.teams
    waiting = WaitingDevice.objects.visible_to(sight).filter(ca=row).count()
    return ShownTemplate(
        template,
        TemplateValues.of(template),
        (team.name if team is not None else "") if is_known else None,
        RegisteredDevice.objects.filter(ca=row).count(),
        waiting,
    )


def preview_of(row: CACertificate, values: TemplateValues, *, at: datetime) -> Preview:
    """Return what a template would have done with the devices that were refused. `at`: the moment at which they are judged."""
    key = public_key_hash(bytes(row.der)) if row.der else ""
    team = Team.objects.filter(pk=values.team).first() if values.team is not None else None
    template = Template(
        ca=row.pk,
        ca_name=row.name,
        key=key,
        edition=0,
        source=values.source,
        validation_scheme=values.validation_scheme,
        team=team.name if team is not None else "",
        attributes=values.attributes,
        patterns=values.patterns,
    )
    refused = LastAttempt.objects.filter(namespace=row.namespace_id, accepted=False, client_name="")
    tried = 0
    names: list[str] = []
    others: list[tuple[str, str]] = []
    state = _whole_state(row)
    for attempt in refused.order_by("-at")[:MOST_TRIED]:
        found = _found(attempt, state, template, at)
        if found is None:
            continue
        tried += 1
        if not found.objection:
            names.append(found.client.authentication_name)
            continue
        sentence = found.sentence
        if row.namespace.sight.is_partial:  # it may name what is hidden
            sentence = f"{FAILED_TITLES.get(found.objection, 'Not registered on first contact')}."
        others.append((found.client.authentication_name, sentence))
    return Preview(tried, len(names), names[:NAMED], others[:NAMED])


def _whole_state(row: CACertificate) -> NamespaceState:
    """Return the namespace with the clients and CA certificates of all teams: whose devices these are does not depend on who asks."""
    every = Namespace.objects.get(pk=row.namespace_id)
    every.rights = Rights(((Role.OWNER, None),))
    return namespace_state(every)


def _found(attempt: LastAttempt, state: NamespaceState, template: Template, at: datetime) -> Newcomer | None:
    """Return the device of an attempt; None where the template is not about it, or a client has its name by now."""
    presented, user_name = bytes(attempt.der), attempt.user_name or None
    chain = tuple(filter(None, presented_ders(attempt.chain)))
    decision = authenticate(presented=presented, chain=chain, user_name=user_name, state=state, at=at)
    if decision.code != CLIENT_FOUND:
        return None
    return newcomer(
        decision,
        presented=presented,
        chain=chain,
        user_name=user_name,
        state=state,
        templates={template.key: template},
        at=at,
    )
