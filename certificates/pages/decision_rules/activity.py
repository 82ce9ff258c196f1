"""How often clients connected lately, how often they were refused, and which rules refused them: of what the person sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q

from certificates.authentication.types import FAILED_TITLES, RULE_TITLES
from namespaces.models import ConnectionAttempt, Namespace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class RuleCount:
    """How often a rule refused in 24 hours. `last`: the number of its last attempt in the log, None where it refused none."""

    code: str
    title: str
    count: int
    last: int | None


@dataclass(frozen=True)
class DecisionActivity:
    """`decisions` and `refused` are of the last hour, as far as the log keeps it; `rules` of the last day."""

    decisions: int
    refused: int
    rules: Sequence[RuleCount]

    @property
    def per_minute(self) -> float:
        return round(self.decisions / 60, 1)

    @property
    def refusal_rate(self) -> float:
        """Return the refused ones in percent."""
        return round(100 * self.refused / self.decisions, 1) if self.decisions else 0.0


def decision_activity(namespace: Namespace, *, at: datetime) -> DecisionActivity:
    seen = ConnectionAttempt.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    figures = seen.filter(at__gt=at - HOUR).aggregate(total=Count("pk"), refused=Count("pk", filter=Q(accepted=False)))
    by_rule = seen.filter(at__gt=at - DAY, code__in=list(RULE_TITLES), accepted=False).order_by().values("code")
    found = {row["code"]: row for row in by_rule.annotate(total=Count("pk"), last=Max("cursor"))}
    return DecisionActivity(
        figures["total"],
        figures["refused"],
        [RuleCount(code, FAILED_TITLES.get(code, code), *_figures(found.get(code))) for code in RULE_TITLES],
    )


def _figures(row: Any) -> tuple[int, int | None]:
    return (row["total"], row["last"]) if row is not None else (0, None)
