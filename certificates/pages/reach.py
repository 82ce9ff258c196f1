"""The reach of a CA certificate, as one person may see it: other teams that are hidden from them have no name."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from certificates.diagnosis.problems import Problem
from certificates.diagnosis.upload import diagnose_ca_upload
from certificates.models import CACertificate
from certificates.reach.counting import reach_of
from certificates.reach.name_constraints.limits import name_limits
from certificates.reach.types import Reach
from certificates.x509.certificate import Certificate
from namespaces.connections.client_certificates import shown_certificates
from namespaces.models import Namespace
from namespaces.registry import ANY_CA
from portal.models import Team, User

OWN, OTHER, NO_TEAM, HIDDEN, OUT = "own", "other", "no-team", "hidden", "out"
NARROWEST = 1.5  # percent of the bar: what can still be seen
NAMED_FROM, NUMBERED_FROM = 9.0, 3.0  # percent of the bar that a name, or a number, takes
ON_THE_PAGE = {"expired", "expires-soon"}  # what the page says above all
MOST_KNOWN = 100  # certificates of clients that the doctor compares with


@dataclass(frozen=True)
class Segment:
    """One part of the bar: `x` and `width` in percent. `number` is "" where it does not fit."""

    kind: str
    name: str
    clients: int
    signed: int
    url: str
    x: float = 0.0
    width: float = 0.0

    @property
    def is_named(self) -> bool:
        """Return whether its name fits into the bar, on a desktop."""
        return self.width >= NAMED_FROM and len(self.name) <= self.width * 1.1

    @property
    def number(self) -> str:
        return f"{self.clients:,}" if self.width >= NUMBERED_FROM else ""


@dataclass(frozen=True)
class ShownReach:
    """The reach of a CA certificate with its bar. `teams` is the number of teams in reach; `others` counts the clients that are
    not of `own`: the team of the certificate, or else those of the person.
    """

    reach: Reach
    segments: Sequence[Segment]
    own_name: str
    others: int
    other_teams: int
    url: str  # of the list of these clients; "" where no filter shows exactly them

    @property
    def teams(self) -> int:
        return len(self.reach.team_pks)

    @property
    def in_reach(self) -> Sequence[Segment]:
        return [each for each in self.segments if each.kind != OUT]

    @property
    def kinds(self) -> Collection[str]:
        return {each.kind for each in self.segments}


def reach_of_row(row: CACertificate, user: User) -> ShownReach | None:
    """Return the reach of an uploaded CA certificate; None where what Azure holds cannot be read."""
    certificate = row.certificate
    if certificate is None:
        return None
    own = [] if row.team is None else [(row.team.pk, row.team.name)]
    return _shown(reach_of(certificate, row.namespace), row.namespace, own or _teams_of(user), row.name)


def reach_of_upload(certificate: Certificate, namespace: Namespace, user: User, team: Team | None) -> ShownReach:
    """Return the reach that a certificate would have, uploaded for this team."""
    own = [] if team is None else [(team.pk, team.name)]
    name = ANY_CA if name_limits(certificate.der).is_empty else ""
    return _shown(reach_of(certificate, namespace), namespace, own or _teams_of(user), name)


def doctor_of(row: CACertificate) -> Sequence[Problem]:
    """Return what the doctor finds in an uploaded CA certificate: what would be reported if it were uploaded now."""
    certificate = row.certificate
    return () if certificate is None else doctor_of_certificate(certificate, row.namespace, but=row.pk)


def doctor_of_certificate(
    certificate: Certificate, namespace: Namespace, *, but: int | None = None
) -> Sequence[Problem]:
    """Return what the doctor finds in a certificate beside the others of the namespace, without the row `but`."""
    rows = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk).exclude(pk=but)
    existing = [(other.name, bytes(other.der)) for other in rows if other.der]
    known = shown_certificates(namespace, MOST_KNOWN)
    at = namespace.judged_at(timezone.now())
    problems = diagnose_ca_upload([certificate], existing=existing, known=known, at=at).problems
    return [problem for problem in problems if problem.code not in ON_THE_PAGE]


def _teams_of(user: User) -> list[tuple[int, str]]:
    return list(Team.objects.filter(members=user).order_by("name").values_list("pk", "name"))


def _shown(reach: Reach, namespace: Namespace, own: Sequence[tuple[int, str]], ca_name: str) -> ShownReach:
    mine = {pk for pk, _ in own}
    others = reach.others(mine)
    return ShownReach(
        reach,
        _placed([*_segments(reach, namespace, mine, ca_name), *_out(reach)]),
        own[0][1] if len(own) == 1 else "",
        sum(each.clients for each in others),
        len(others),
        _list_url(namespace, ca_name) if ca_name and not reach.unable else "",
    )


def _segments(reach: Reach, namespace: Namespace, own: Collection[int], ca_name: str) -> list[Segment]:
    """Return a segment for each team that the person may know of, their own first, and one for all others."""
    found, hidden = [], []
    for each in reach.teams:
        if each.team is not None and _is_hidden(namespace, each.team):
            hidden.append(each)
            continue
        kind = NO_TEAM if each.team is None else OWN if each.team in own else OTHER
        url = _list_url(namespace, ca_name, team=str(each.team or "none")) if ca_name else ""
        found.append(Segment(kind, each.name or "No team", each.clients, each.signed, url))
    found.sort(key=lambda each: (each.kind != OWN, each.kind == NO_TEAM))
    if hidden:
        clients, signed = sum(each.clients for each in hidden), sum(each.signed for each in hidden)
        found.append(Segment(HIDDEN, "Other teams", clients, signed, ""))
    return found


def _is_hidden(namespace: Namespace, team: int) -> bool:
    sight = namespace.sight
    return sight.is_partial and team not in sight.teams


def _out(reach: Reach) -> list[Segment]:
    return [Segment(OUT, "Out of reach", reach.out_of_reach, 0, "")] if reach.out_of_reach else []


def _placed(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments with their places in the bar; the last of many teams together."""
    total = sum(each.clients for each in segments)
    if not total:
        return []
    widths = [max(NARROWEST, 100 * each.clients / total) for each in segments]
    scale, x, placed = 100 / sum(widths), 0.0, []
    for each, width in zip(segments, widths, strict=True):
        share = round(width * scale, 3)
        placed.append(Segment(each.kind, each.name, each.clients, each.signed, each.url, round(x, 3), share))
        x += share
    return placed


def _list_url(namespace: Namespace, ca_name: str, **more: str) -> str:
    return f"{reverse('namespaces:client_list', args=[namespace.pk])}?{urlencode({'reach': ca_name, **more})}"
