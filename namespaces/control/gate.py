"""The gate: an action that would make a change which needs approval raises `NeedsApproval` instead of saving it."""

from collections.abc import Iterable, Sequence

from namespaces.control.held_rows import check_not_held
from namespaces.control.kinds import Draft, row_kind_of
from namespaces.control.rules.policy import LABELS, Need
from namespaces.control.standing import policy_of
from portal.models import User
from sync.control import HeldBack, Intention, Operation, is_approved


class NeedsApproval(HeldBack):
    """Changes were not saved: people must approve them first.

    Attributes: `namespace_pk`, `needs` (why), `drafts` (the changes, to be requested; empty where this cannot be requested),
    `done` (what was saved of the same request, in words).
    """

    def __init__(self, namespace_pk: int, needs: Iterable[Need], drafts: Sequence[Draft], *, done: str = "") -> None:
        wanted = set(needs)
        self.namespace_pk = namespace_pk
        self.needs = tuple(need for need in Need if need in wanted)
        self.drafts = tuple(drafts)
        self.done = done
        super().__init__(self.sentence)

    @classmethod
    def of_all(cls, held: Sequence[HeldBack], *, done: str = "") -> "NeedsApproval":
        mine = [each for each in held if isinstance(each, NeedsApproval)]
        needs, drafts = (
            [need for each in mine for need in each.needs],
            [draft for each in mine for draft in each.drafts],
        )
        return cls(mine[0].namespace_pk, needs, drafts, done=done)

    @property
    def sentence(self) -> str:
        """Return why it was not saved."""
        return f"This needs approval: {'; '.join(LABELS[need].lower() for need in self.needs)}. Nothing was saved."


def check_row(intention: Intention) -> None:
    """Raise NeedsApproval where the policy asks for approval of this change of a synced row. Registered with `sync`."""
    row = intention.row
    kind = row_kind_of(type(row))
    if kind is None:
        return
    check_not_held(kind, row)
    policy = policy_of(row.scope_pk())
    if not policy.enabled:
        return
    asked = policy.asked(kind.needs(intention))
    if asked and not is_approved(kind.code, str(row), asked):
        raise NeedsApproval(row.scope_pk(), asked, _drafts(intention, kind.code, kind.values(row)))


def _drafts(intention: Intention, code: str, values: object) -> list[Draft]:
    row, finding = intention.row, intention.finding
    wanted = dict(values) if isinstance(values, dict) else {}
    wanted["team"] = row.team_id
    if intention.operation in (Operation.ADOPT, Operation.TAKE):
        if finding is None:
            return []
        fields = list(intention.fields) if intention.fields is not None else None
        wanted |= {"finding": finding.pk, "shown": finding.as_shown, "fields": fields}
    before = None if intention.before is None else dict(intention.before)
    if intention.operation is Operation.DELETE:
        before, wanted = wanted, {}
    return [
        Draft(
            kind=code,
            operation=intention.operation.value,
            name=str(row),
            edition="" if intention.operation in (Operation.CREATE, Operation.ADOPT) else row.edition,
            team=row.team,
            before=before,
            values=wanted or None,
        )
    ]


def check_other(actor: User, namespace_pk: int, needs: Iterable[Need], draft: Draft) -> None:
    """Raise NeedsApproval where the policy asks for approval of a change that is sent nowhere, such as of a role."""
    asked = policy_of(namespace_pk).asked(needs)
    if asked and not is_approved(draft.kind, draft.name, asked):
        raise NeedsApproval(namespace_pk, asked, [draft])
