"""What rules would do that are typed and not saved yet."""

from datetime import datetime

from certificates.actions.decision_rules.policy import RuleValues, check_values
from certificates.pages.decision_mode.mode import ShownCheck
from certificates.pages.decision_mode.replay import replay_rules, shown_of
from namespaces.models import Namespace


def foreseen(namespace: Namespace, values: RuleValues, *, at: datetime) -> ShownCheck:
    """Return what would change with these values, as the check before a switch is shown. Raise RuleError."""
    check_values(values)
    kept = replay_rules(namespace, values.as_row(namespace.pk), at=namespace.judged_at(at)).as_dict()
    refused, _ = shown_of(kept, namespace)
    return ShownCheck(at=at, steps=(), replay=kept, since=None, refused=tuple(refused), unlike=())
