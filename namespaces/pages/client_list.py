"""The list of clients: its columns and filters, and the issuer of each client's certificate."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Lower
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils import timezone

from certificates.authentication.engine import VALIDATION_SCHEMES, authentication_name_key
from certificates.x509.certificate import name_mark
from certificates.x509.serial_numbers import serials_written
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.models import Client, Namespace
from namespaces.models.core import issuer_order, seen_order
from namespaces.pages.lists import Begins, Filter, Listing, Options, containing
from namespaces.registry import ANY_CA, UploadedCA, reach_condition, uploaded_cas
from namespaces.rules.clients import SHORT_SCHEMES, THUMBPRINT_SCHEME
from portal.listing import whole_number
from portal.models import Team
from portal.short_cache import kept

LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)  # before that, `seen_order` has the clients that were never seen
FEWEST_DIGITS = 6  # of a thumbprint that is searched for
_SEARCHED = (
    *("name", "authentication_name", "description", "attributes"),
    *("certificate_issuer", "certificate_subject"),
)

_SETTLED = Q(generation=F("synced_generation"))
_SYNC = {
    "succeeded": ("Succeeded", _SETTLED),
    "waiting": ("On the way", ~_SETTLED & Q(parked_code="")),
    "failed": ("Failed", ~_SETTLED & ~Q(parked_code="")),
    "differs": ("Differs in Azure", Q(finding_pk__isnull=False)),
}
_SEEN = {"day": ("last 24 hours", 1), "week": ("last 7 days", 7), "month": ("last 30 days", 30)}
_EXPIRES = {"7": "within 7 days", "30": "within 30 days", "90": "within 90 days"}


def _matches(search: str) -> Q:
    """Match a name, an attribute, issuer or subject, or in any notation a serial number or the start of a thumbprint."""
    wanted = containing(*_SEARCHED)(search)
    wanted |= Q(certificate_serial__in=serials_written(search))
    digits = thumbprint_digits(search) or search.lower()
    if len(digits) >= FEWEST_DIGITS:
        wanted |= Q(certificate_thumbprint__startswith=digits) | Q(thumbprints__icontains=digits)
    return wanted


def _team_options(namespace: Namespace) -> Options:
    """Return the teams that own clients the person sees. Each is found by one look into an index, however many there are."""
    owned = Client.visible_to(namespace.sight).filter(namespace=namespace.pk, team=OuterRef("pk"))
    found = Team.objects.filter(Exists(owned)).values_list("pk", "name")
    teams = kept(f"client-teams:{namespace.pk}:{namespace.sight.key}", lambda: list(found))
    return [*((str(pk), name) for pk, name in sorted(teams, key=lambda team: team[1].lower())), ("none", "none")]


def _of_team(namespace: Namespace, value: str) -> Q | None:
    if value == "none":
        return Q(team=None)
    pk = whole_number(value)
    return None if pk is None else Q(team=pk)


def _begins(search: str) -> Q:
    """Match what begins with the text, by an index: the names, the thumbprint of the certificate, the whole serial number."""
    wanted = Q(Begins(Lower("name"), search.lower())) | Q(
        Begins(F("authentication_key"), authentication_name_key(search))
    )
    wanted |= Q(certificate_serial__in=serials_written(search))
    digits = thumbprint_digits(search)
    if re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", digits):
        end = digits + "f" * (64 - len(digits))
        wanted |= Q(certificate_thumbprint__gte=digits, certificate_thumbprint__lte=end)
    return wanted


def _cas(namespace: Namespace) -> list[UploadedCA]:
    """Return the CA certificates, kept for a moment: options, filter and rows of one page need them."""
    return kept(f"cas:{namespace.pk}:{namespace.sight.key}", lambda: uploaded_cas(namespace))


def _issuer_options(namespace: Namespace) -> Options:
    cas = [(ca.name, ca.name) for ca in _cas(namespace) if not ca.is_hidden]
    return [*cas, ("!untrusted", "not trusted"), ("!unknown", "not known")]


def _of_issuer(namespace: Namespace, value: str) -> Q | None:
    if value == "!unknown":
        return Q(certificate_path="")
    uploaded = _cas(namespace)
    if value == "!untrusted":
        wanted = ~Q(certificate_path="") & ~Q(validation_scheme=THUMBPRINT_SCHEME)
        for ca in uploaded:
            wanted &= ~Q(certificate_path__contains=name_mark(ca.subject))
        return wanted
    cas = {ca.name: name_mark(ca.subject) for ca in uploaded if not ca.is_hidden}
    return Q(certificate_path__contains=cas[value]) if value in cas else None


def _reach_options(namespace: Namespace) -> Options:
    return [*((ca.name, ca.name) for ca in _cas(namespace) if not ca.is_hidden), (ANY_CA, "any CA certificate")]


def _of_last_seen(namespace: Namespace, value: str) -> Q | None:
    if value == "never":
        return Q(LessThan(seen_order(), LONG_AGO))
    now = timezone.now()
    if value == "long-ago":
        since = now - timedelta(days=7)
        return Q(LessThan(seen_order(), since)) & Q(GreaterThanOrEqual(seen_order(), LONG_AGO))
    if value not in _SEEN:
        return None
    return Q(GreaterThanOrEqual(seen_order(), now - timedelta(days=_SEEN[value][1])))


def _of_expiry(namespace: Namespace, value: str) -> Q | None:
    now = namespace.judged_at(timezone.now())
    if value == "expired":
        return Q(certificate_expires_at__lte=now)
    if value not in _EXPIRES:
        return None
    return Q(certificate_expires_at__gt=now, certificate_expires_at__lte=now + timedelta(days=int(value)))


def note_issuers(namespace: Namespace, clients: Iterable[Client]) -> None:
    """Set on each client which uploaded CA certificate issued its certificate, by name, or what is known instead."""
    by_mark = {name_mark(ca.subject): ca for ca in _cas(namespace) if ca.subject}
    for client in clients:
        client.issuing_ca, client.issuer_state = _issuer_of(client, by_mark)


def _issuer_of(client: Client, by_mark: Mapping[str, UploadedCA]) -> tuple[UploadedCA | None, str]:
    if client.validation_scheme == THUMBPRINT_SCHEME:
        return None, "not-needed"
    if not client.certificate_path:
        return None, "unknown"
    found = next((by_mark[mark] for mark in client.certificate_path.split() if mark in by_mark), None)
    return found, "trusted" if found else "untrusted"


CLIENT_LIST = Listing(
    Client,
    {
        "name": ("Client name", Lower("name").asc()),
        "authentication_name": ("Authentication name", F("authentication_key").asc()),
        "validation_scheme": ("Scheme", F("validation_scheme").asc()),
        "state": ("State", F("state").asc()),
        "team": ("Team", Lower("team__name")),
        "issuer": ("Issuer", issuer_order().asc()),
        "expires": ("Expires", F("certificate_expires_at").asc(nulls_last=True)),
        "last_seen": ("Last seen", seen_order().asc()),
    },
    _matches,
    filters=(
        Filter(
            "state",
            "State",
            lambda _: [(state, state.lower()) for state in ("Enabled", "Disabled")],
            lambda _, value: Q(state=value) if value in {"Enabled", "Disabled"} else None,
        ),
        Filter("team", "Team", _team_options, _of_team),
        Filter(
            "scheme",
            "Scheme",
            lambda _: [(scheme.value, SHORT_SCHEMES[scheme.value]) for scheme in VALIDATION_SCHEMES],
            lambda _, value: Q(validation_scheme=value) if value in SHORT_SCHEMES else None,
        ),
        Filter("issuer", "Issuer", _issuer_options, _of_issuer),
        Filter("reach", "Reach", _reach_options, reach_condition),
        Filter("expires", "Expires", lambda _: [*_EXPIRES.items(), ("expired", "already")], _of_expiry),
        Filter(
            "seen",
            "Last seen",
            lambda _: [
                *((key, label) for key, (label, _) in _SEEN.items()),
                ("long-ago", "over 7 days ago"),
                ("never", "never"),
            ],
            _of_last_seen,
        ),
        Filter(
            "sync",
            "Sync state",
            lambda _: [(key, label) for key, (label, _) in _SYNC.items()],
            lambda _, value: _SYNC[value][1] if value in _SYNC else None,
        ),
    ),
    prepare=note_issuers,
    begins=_begins,
    then_by_name=frozenset({"validation_scheme", "state", "team"}),
    may_choose_columns=True,
)
