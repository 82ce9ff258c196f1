"""Which connection attempts a query asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from namespaces.connections.counts import OTHER, hour_of
from namespaces.connections.periods import DEFAULT_PERIOD, Period, moment_of, period_of, written
from namespaces.models import ConnectionAttempt
from portal.listing import asked_text, whole_number

# The client went away before it had shown anything: a probe of the port, or a bad network. Nothing was decided about it.
ABORTED = ("tls-closed", "tls-timeout")
ACCEPTED, REFUSED, UNFINISHED = "accepted", "refused", "aborted"
VERDICTS = {ACCEPTED: "Accepted", REFUSED: "Refused", UNFINISHED: "Aborted"}
# What makes attempts within one hour repetitions of each other.
ALIKE = ("accepted", "code", "client_name", "user_name", "thumbprint")


def verdict_on(code: str) -> str:
    """Return the verdict on attempts that are counted under this code, which is "" for accepted ones."""
    return ACCEPTED if not code else UNFINISHED if code in ABORTED else REFUSED


def with_verdict(verdict: str) -> Q:
    """Match attempts with a key of `VERDICTS`; all of them for ""."""
    aborted = Q(accepted=False, code__in=ABORTED)
    return {ACCEPTED: Q(accepted=True), UNFINISHED: aborted, REFUSED: Q(accepted=False) & ~aborted}.get(verdict, Q())


@dataclass(frozen=True)
class AttemptFilter:
    """What is asked for. Words that mean nothing are left out, so that a page never says “nothing matches” of them."""

    period: Period
    first: datetime  # of the period
    verdict: str = ""  # a key of `VERDICTS`
    reason: str = ""  # the code of a refusal
    search: str = ""
    since: datetime | None = None  # what was chosen within the period
    until: datetime | None = None
    like: int | None = None  # cursor of an attempt: only those alike, in its hour
    is_single: bool = False  # repeated attempts one by one

    @classmethod
    def from_query(cls, query: QueryDict, *, at: datetime) -> "AttemptFilter":
        """Return the filter of a query. `at`: the current time."""
        period, verdict = period_of(query.get("span", "")), asked_text(query, "verdict")
        return cls(
            period=period,
            first=period.starts(at)[0],
            verdict=verdict if verdict in VERDICTS else "",
            reason=asked_text(query, "reason")[:60],
            search=asked_text(query, "q"),
            since=moment_of(query.get("since", "")),
            until=moment_of(query.get("until", "")),
            like=whole_number(query.get("like", "")),
            is_single=query.get("each") == "1",
        )

    @property
    def is_narrowed(self) -> bool:
        return bool(self.verdict or self.reason or self.search or self.is_of_a_time or self.like is not None)

    @property
    def is_of_a_time(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def begins(self) -> datetime:
        return self.since or self.first

    @property
    def fields(self) -> Mapping[str, str]:
        """Return the filter as the fields of a query, without those that say nothing."""
        values: dict[str, Any] = {
            "span": "" if self.period.code == DEFAULT_PERIOD else self.period.code,
            "verdict": self.verdict,
            "reason": self.reason,
            "q": self.search,
            "since": written(self.since) if self.since is not None else "",
            "until": written(self.until) if self.until is not None else "",
            "like": self.like,
            "each": "1" if self.is_single else "",
        }
        return {name: str(value) for name, value in values.items() if value not in ("", None)}

    @property
    def query(self) -> str:
        return urlencode(self.fields)

    def but(self, **changes: Any) -> str:
        """Return the query string of this filter with other values. What was chosen within the old period is dropped."""
        if "period" in changes:
            changes |= {"since": None, "until": None}
        changes.setdefault("like", None)
        return "?" + replace(self, **changes).query

    def narrow(self, rows: QuerySet[ConnectionAttempt]) -> QuerySet[ConnectionAttempt]:
        """Return the attempts that match, of the rows of one namespace."""
        if self.like is not None:
            return rows.filter(_alike(rows, self.like))
        found = rows.filter(with_verdict(self.verdict), at__gte=self.begins)
        if self.until is not None:
            found = found.filter(at__lt=self.until)
        if self.reason:
            codes = ("", OTHER) if self.reason == OTHER else (self.reason,)
            found = found.filter(accepted=False, code__in=codes)
        if self.search:
            found = found.filter(Q(client_name__icontains=self.search) | Q(user_name__icontains=self.search))
        return found


def _alike(rows: QuerySet[ConnectionAttempt], cursor: int) -> Q:
    """Match the attempts that repeat the one at `cursor`, or that it repeats; all where the log has dropped it."""
    model = rows.filter(cursor=cursor).values("at", *ALIKE).first()
    if model is None:
        return Q()
    hour = hour_of(model.pop("at"))
    return Q(**model, at__gte=hour, at__lt=hour + timedelta(hours=1))
