"""What the pages of an import of clients show: its rows by verdict, problems first, and how far it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page
from django.db.models import Case, Count, IntegerField, Value, When
from django.http import Http404, QueryDict

from namespaces.control.rules.policy import Need
from namespaces.control.standing import policy_of
from namespaces.models import Client, ClientImport, ImportRow, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME
from portal.listing import asked_text, page_of
from portal.models import User
from portal.web.csv_files import CsvColumn

ROWS_ON_A_PAGE = 200
Verdict, Outcome = ImportRow.Verdict, ImportRow.Outcome
PROBLEMS_FIRST = (
    Verdict.PRIVATE_KEY,
    Verdict.INVALID,
    Verdict.NO_ISSUER,
    Verdict.NAME_TAKEN,
    Verdict.DUPLICATE,
    Verdict.DIFFERS,
    Verdict.EXISTS,
    Verdict.NEW,
)
# good, warning, bad or quiet, as the status component draws it.
KINDS: Mapping[str, str] = {
    Verdict.NEW: "good",
    Verdict.EXISTS: "quiet",
    Verdict.DIFFERS: "warning",
    Verdict.DUPLICATE: "warning",
    Verdict.NAME_TAKEN: "warning",
    Verdict.NO_ISSUER: "bad",
    Verdict.PRIVATE_KEY: "bad",
    Verdict.INVALID: "bad",
}
SHOWN_LEFT = 50
RUNNING = (ClientImport.State.WAITING, ClientImport.State.RUNNING)
BAR = ("good", "quiet", "warning", "bad")
LEFT_COLUMNS = {
    "File": CsvColumn("source"),
    "Row": CsvColumn("place"),
    "Client name": CsvColumn("wanted", value=lambda wanted: wanted.get("name", "")),
    "Authentication name": CsvColumn("wanted", value=lambda wanted: wanted.get("authentication_name", "")),
    "Validation scheme": CsvColumn("wanted", value=lambda wanted: wanted.get("validation_scheme", "")),
    "Thumbprints": CsvColumn("wanted", value=lambda wanted: " ".join(wanted.get("thumbprints", ()))),
    "Connection state": CsvColumn("wanted", value=lambda wanted: wanted.get("state", "")),
    "Description": CsvColumn("wanted", value=lambda wanted: wanted.get("description", "")),
    "Attributes": CsvColumn(
        "wanted", value=lambda wanted: json.dumps(wanted.get("attributes", {}), ensure_ascii=False)
    ),
    "Verdict": CsvColumn("verdict", value=lambda verdict: Verdict(verdict).label),
    "Why": CsvColumn("why"),
}
RESULT_COLUMNS = {**LEFT_COLUMNS, "Result": CsvColumn("outcome", value=lambda outcome: Outcome(outcome).label)}


@dataclass(frozen=True)
class Chip:
    """One verdict with the number of its rows."""

    code: str
    label: str
    count: int
    kind: str


@dataclass(frozen=True)
class FieldDifference:
    """One value that an import would change, as the lines that pages show."""

    name: str
    label: str
    was: tuple[str, ...]
    now: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """One part of the bar above the rows, in thousandths of its width."""

    kind: str
    start: float
    width: float


@dataclass(frozen=True)
class Review:
    """The step *Review*."""

    page: Page[ImportRow]
    chips: tuple[Chip, ...]
    total: int
    ready: int
    chosen: int
    elsewhere: int  # of them, those that are on other pages
    registered: int
    segments: tuple[Segment, ...]
    verdict: str  # of the rows that are shown; "" for all
    held_back: int  # of the chosen rows, those that need approval here

    @property
    def left(self) -> int:
        return self.total - self.chosen

    @property
    def undecided(self) -> int:
        return self.total - self.ready - self.registered

    @property
    def written(self) -> int:
        """Return the number of chosen rows that are written at once."""
        return self.chosen - self.held_back

    @property
    def needs_approval(self) -> str:
        """Return what becomes of the rows that need approval, as sentences; "" where none does."""
        if not self.held_back:
            return ""
        one = self.held_back == 1
        held = f"{self.held_back:,} of the chosen rows {'needs' if one else 'need'} approval in this namespace"
        kept = f"The import keeps {'it' if one else 'them'} as a draft, which you request on its last page."
        if not self.written:
            return f"{held}: nothing is written at once. {kept}"
        return f"{held}; the other {self.written:,} {'is' if self.written == 1 else 'are'} written at once. {kept}"

    @property
    def all_ready(self) -> bool:
        return self.ready == self.total > 0


def get_import(user: User, namespace: Namespace, pk: int) -> ClientImport:
    """Return an import of this person. Raise Http404 for another's, and for one that is forgotten."""
    rows = ClientImport.objects.select_related("namespace", "team", "user")
    run = rows.filter(pk=pk, namespace=namespace, user=user).first()
    if run is None:
        raise Http404("This import is no longer there. The rows of an import are kept for a day.")
    return run


def _compare(namespace: Namespace, rows: Sequence[ImportRow]) -> None:
    """Give each row that differs from a registered client its `differences`."""
    differing = {row.fix_value: row for row in rows if row.verdict == Verdict.DIFFERS}
    seen = Client.visible_to(namespace.sight).present().filter(namespace=namespace, name__in=list(differing))
    for client in seen if differing else ():
        wanted, held = differing[client.name].wanted, client.describe()
        differing[client.name].differences = [  # type: ignore[attr-defined]  # for the page
            FieldDifference(name, Client.label_of(name), Client.shown(name, held[name]), Client.shown(name, value))
            for name, value in wanted.items()
            if Client.shown(name, held[name]) != Client.shown(name, value)
        ]


def review_of(run: ClientImport, namespace: Namespace, query: QueryDict) -> Review:
    """Return the page of the review. `namespace`: as the person sees it."""
    counted = dict(run.rows.order_by().values_list("verdict").annotate(n=Count("pk")))
    chips = tuple(Chip(v, v.label, counted[v], KINDS[v]) for v in PROBLEMS_FIRST if counted.get(v))
    asked = asked_text(query, "verdict")
    verdict = asked if asked in counted else ""
    rows = run.rows.filter(verdict=verdict) if verdict else run.rows.all()
    rank = Case(*(When(verdict=v, then=Value(at)) for at, v in enumerate(PROBLEMS_FIRST)), output_field=IntegerField())
    page = page_of(rows.order_by(rank, "number"), query, ROWS_ON_A_PAGE)
    _compare(namespace, list(page))
    chosen = run.rows.filter(is_chosen=True).count()
    return Review(
        page=page,
        chips=chips,
        total=sum(counted.values()),
        ready=counted.get(Verdict.NEW, 0),
        chosen=chosen,
        elsewhere=chosen - sum(row.is_chosen for row in page),
        registered=counted.get(Verdict.EXISTS, 0),
        segments=_segments(counted),
        verdict=verdict,
        held_back=_held_back(run, namespace),
    )


def _held_back(run: ClientImport, namespace: Namespace) -> int:
    """Return the number of chosen rows that need approval, as the policy and the clients are now."""
    asked = policy_of(namespace.pk).asked([Need.CLIENT_CREATE, Need.CLIENT_CHANGE, Need.LEAVE_THUMBPRINT])
    chosen = run.rows.filter(is_chosen=True)
    count = chosen.exclude(verdict=Verdict.DIFFERS).count() if Need.CLIENT_CREATE in asked else 0
    changed = chosen.filter(verdict=Verdict.DIFFERS)
    if Need.CLIENT_CHANGE in asked:
        return count + changed.count()
    if Need.LEAVE_THUMBPRINT in asked:
        leaving = changed.exclude(wanted__validation_scheme=THUMBPRINT_SCHEME).values("fix_value")
        rows = Client.objects.present().filter(namespace=namespace, validation_scheme=THUMBPRINT_SCHEME)
        count += rows.filter(name__in=leaving).count()
    return count


def _segments(counted: Mapping[str, int]) -> tuple[Segment, ...]:
    """Return the bar of the verdicts, the good ones first, with a gap between two."""
    total = sum(counted.values())
    sums = [(kind, sum(counted.get(v, 0) for v in KINDS if KINDS[v] == kind)) for kind in BAR]
    found, start = [], 0.0
    for kind, count in sums:
        if count:
            width = round(1000 * count / total, 1)
            found.append(Segment(kind, start, max(width - 2, 1)))
            start += width
    return tuple(found)


def left_out(run: ClientImport) -> Any:
    """Return the rows that are not imported, or not yet chosen."""
    if run.state == ClientImport.State.REVIEW:
        return run.rows.filter(is_chosen=False)
    return run.rows.filter(outcome__in=[Outcome.LEFT, Outcome.WAITING])


def own_imports(user: User, namespace: Namespace) -> list[ClientImport]:
    """Return this person's imports in the namespace, newest first."""
    return list(ClientImport.objects.filter(user=user, namespace=namespace).order_by("-pk")[:10])


def running_imports(user: User, namespace: Namespace) -> list[ClientImport]:
    """Return those of this person's imports that a worker has, or that wait for one."""
    running = ClientImport.objects.filter(user=user, namespace=namespace, state__in=RUNNING)
    return list(running.order_by("-pk")[:5])


@dataclass(frozen=True)
class Progress:
    """The step *Import*: how far it is, and what was left out."""

    run: ClientImport
    left: list[ImportRow]
    left_count: int
    has_rows: bool  # until they are deleted, a day after
    seconds_left: int | None

    @property
    def is_running(self) -> bool:
        return self.run.state in RUNNING


def progress_of(run: ClientImport, at: datetime) -> Progress:
    left = left_out(run)
    count = run.rows.filter(outcome=Outcome.LEFT).count()
    seconds = None
    if run.state == ClientImport.State.RUNNING and run.started_at and run.done:
        seconds = round((at - run.started_at).total_seconds() * (run.total - run.done) / run.done)
    return Progress(run, list(left.filter(outcome=Outcome.LEFT)[:SHOWN_LEFT]), count, run.rows.exists(), seconds)
