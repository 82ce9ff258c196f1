"""What a namespace asks of every certificate: times, age and strength, and what a stale revocation list does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from certificates.actions.decision_rules.windows import MOST_WINDOWS, Window
from certificates.models import DecisionRules, StaleList
from namespaces.actions.teams import check_verb
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.models import DecisionPoint, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction

RULES_KIND = "rules"  # in change sets
MOST_AGE_DAYS = 36_500
SHORTEST_SESSION, LONGEST_SESSION = 60, 30 * 86_400  # seconds
RSA_BITS = (0, 2048, 3072, 4096)
EC_BITS = (0, 256, 384, 521)


@dataclass(frozen=True)
class RuleValues:
    """The policy of a namespace. 0 and no windows ask nothing."""

    windows: tuple[Window, ...] = ()
    max_age_days: int = 0
    min_rsa_bits: int = 0
    min_ec_bits: int = 0
    stale_list: str = StaleList.KEEP.value
    longest_session_seconds: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"windows": [window.as_dict() for window in self.windows]}

    @classmethod
    def of(cls, namespace_pk: int) -> "RuleValues":
        """Return the policy of a namespace."""
        row = DecisionRules.objects.filter(namespace=namespace_pk).first() or DecisionRules()
        point = DecisionPoint.objects.filter(namespace=namespace_pk).first()
        return cls(
            windows_of(row.windows),
            row.max_age_days,
            row.min_rsa_bits,
            row.min_ec_bits,
            row.stale_list,
            point.longest_session_seconds if point is not None else 0,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RuleValues":
        """Return the policy that `as_dict` described."""
        return cls(**{**values, "windows": windows_of(values["windows"])})

    def as_row(self, namespace_pk: int) -> DecisionRules:
        """Return a row with these values that is not saved, to try them."""
        return DecisionRules(
            namespace_id=namespace_pk,
            windows=[window.as_dict() for window in self.windows],
            max_age_days=self.max_age_days,
            min_rsa_bits=self.min_rsa_bits,
            min_ec_bits=self.min_ec_bits,
            stale_list=self.stale_list,
        )

    def is_looser_than(self, other: "RuleValues") -> bool:
        """Return whether this policy could let in a client that `other` refuses, or for longer."""
        return (
            _is_raised(other.max_age_days, self.max_age_days)
            or _is_raised(other.longest_session_seconds, self.longest_session_seconds)
            or self.min_rsa_bits < other.min_rsa_bits
            or self.min_ec_bits < other.min_ec_bits
            or (self.stale_list == StaleList.KEEP and other.stale_list == StaleList.REFUSE)
            or (bool(other.windows) and (not self.windows or not set(self.windows) <= set(other.windows)))
        )


def _is_raised(before: int, after: int) -> bool:
    """Return whether an upper limit, of which 0 is none, was raised or removed."""
    return before > 0 and (after == 0 or after > before)


def windows_of(stored: Sequence[Any]) -> tuple[Window, ...]:
    return tuple(Window.from_dict(each) for each in stored)


def set_decision_rules(actor: User, *, namespace: Namespace, values: RuleValues, opened: str = "") -> bool:
    """Ask this of every certificate. Return False where it is so already. Raise RuleError, and NeedsApproval for what is looser.

    `opened`: the edition that the actor was shown.
    """
    check_values(values)
    with one_transaction():
        Namespace.objects.select_for_update().get(pk=namespace.pk)
        check_verb(actor, namespace, Verb.CONTRIBUTE)
        row = DecisionRules.objects.filter(namespace=namespace.pk).first()
        if opened and opened != edition_of(row):
            raise RuleError(
                "", "changed-meanwhile", "The rules were changed after you opened this page. Nothing was saved."
            )
        before = RuleValues.of(namespace.pk)
        if values == before:
            return False
        if values.is_looser_than(before):
            draft = Draft(RULES_KIND, "update", "rules", edition_of(row), None, before.as_dict(), values.as_dict())
            check_other(actor, namespace.pk, [Need.LOOSEN_RULE], draft)
        row = row or DecisionRules(namespace=namespace, edition=0)
        row.windows = [window.as_dict() for window in values.windows]
        row.max_age_days, row.stale_list = values.max_age_days, values.stale_list
        row.min_rsa_bits, row.min_ec_bits = values.min_rsa_bits, values.min_ec_bits
        row.edition += 1
        row.save()
        _set_longest_session(namespace, values.longest_session_seconds)
        decisions_changed(namespace.pk)
        _record(actor, namespace, before, values)
    return True


def _set_longest_session(namespace: Namespace, seconds: int) -> None:
    known = DecisionPoint.objects.filter(namespace=namespace)
    if not known.update(longest_session_seconds=seconds) and seconds:
        DecisionPoint.objects.create(namespace=namespace, longest_session_seconds=seconds)


def edition_of(row: DecisionRules | None) -> str:
    return "0" if row is None else str(row.edition)


def check_values(values: RuleValues) -> None:
    """Raise RuleError with the first field whose value is out of range."""
    if len(values.windows) > MOST_WINDOWS:
        raise RuleError("windows", "too-many", f"Use at most {MOST_WINDOWS} time windows.")
    check_age(values.max_age_days)
    if values.min_rsa_bits not in RSA_BITS or values.min_ec_bits not in EC_BITS:
        raise RuleError("min_rsa_bits", "unknown", "Choose a key size.")
    if values.stale_list not in StaleList.values:
        raise RuleError("stale_list", "unknown", "Choose what a stale list does.")
    check_longest_session(values.longest_session_seconds)


def check_age(days: int) -> None:
    """Raise RuleError where certificates may have no such greatest age. 0 sets no limit."""
    if not 0 <= days <= MOST_AGE_DAYS:
        raise RuleError("max_age_days", "out-of-range", f"Enter 0 to {MOST_AGE_DAYS:,} days. 0 sets no limit.")


def check_longest_session(longest: int) -> None:
    """Raise RuleError where a session may not be that long. 0 sets no limit."""
    if longest and not SHORTEST_SESSION <= longest <= LONGEST_SESSION:
        sentence = f"Enter 0 for no limit, or {SHORTEST_SESSION} to {LONGEST_SESSION:,} seconds (30 days)."
        raise RuleError("longest_session_seconds", "out-of-range", sentence)


def _record(actor: User, namespace: Namespace, before: RuleValues, after: RuleValues) -> None:
    was, now = _readable(before), _readable(after)
    changed = [key for key in now if now[key] != was[key]]
    activity.record(
        actor,
        verb="Change rules",
        kind="namespaces.namespace",
        object_pk=namespace.pk,
        object_name=namespace.name,
        scope=namespace.pk,
        scope_name=namespace.name,
        before={key: was[key] for key in changed},
        after={key: now[key] for key in changed},
    )


def _readable(values: RuleValues) -> dict[str, Any]:
    return values.as_dict() | {"windows": [str(window) for window in values.windows]}
