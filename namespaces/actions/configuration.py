"""Changing the settings of a namespace: one durable transaction that checks, saves, logs and hints.

Those that Azure has are a synced row; what the portal alone asks for is a column of the namespace.
"""

from collections.abc import Sequence

from namespaces.actions.decision_points import note_identity
from namespaces.actions.resources import check_edition, commit_if_changed
from namespaces.actions.teams import check_verb
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.models import Namespace, NamespaceConfiguration, Possession
from namespaces.rights import Verb
from namespaces.rules.configuration import NO_WEBHOOK, Webhook, check_configuration
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction
from sync.workers.wakeups import send_on_commit


def update_configuration(
    actor: User,
    *,
    configuration: NamespaceConfiguration,
    state: str,
    sources: Sequence[str],
    max_sessions: int,
    max_expiry_hours: int,
    webhook: Webhook | None = None,
    opened: str = "",
) -> NamespaceConfiguration:
    """Want other settings. Changes nothing when everything is as it was. Raises RuleError.

    `webhook`: custom webhook authentication; None leaves it as it is.
    """
    check_configuration(state, sources, max_sessions, max_expiry_hours, webhook or NO_WEBHOOK)
    with one_transaction():
        rows = NamespaceConfiguration.objects.select_for_update(of=("self",)).select_related("namespace")
        row: NamespaceConfiguration | None = rows.filter(pk=configuration.pk).first()
        if row is None:
            raise RuleError("", "gone", "The settings of this namespace are being read again. Try again in a moment.")
        check_verb(actor, row.namespace, Verb.CONTRIBUTE)
        check_edition(row, opened)
        before = row.describe()
        row.state, row.sources = state, list(sources)
        row.max_sessions, row.max_expiry_hours, row.rule_notes = max_sessions, max_expiry_hours, []
        if webhook is not None and webhook != row.webhook:
            row.webhook = webhook
            note_identity(row)
        commit_if_changed(actor, row, "Change configuration", before)
    return row


POSSESSION_KIND = "possession"  # in change sets
_STRICTNESS = (Possession.OFF, Possession.ASKED, Possession.REQUIRED)


def _draft(namespace: Namespace, possession: Possession) -> Draft:
    before, values = {"possession": str(namespace.possession)}, {"possession": str(possession)}
    return Draft(POSSESSION_KIND, "update", "proof of possession", before=before, values=values)


def set_possession(actor: User, *, namespace: Namespace, possession: Possession) -> bool:
    """Ask for proofs of possession, require them, or do not. Return False where it is so already. Raise RuleError, and NeedsApproval
    where the policy asks for approval of what is less strict.

    What Azure has stays. Certificates that waited for a proof are sent when none is required any more.
    """
    with one_transaction():
        row = Namespace.objects.select_for_update().get(pk=namespace.pk)
        check_verb(actor, row, Verb.OWN)
        if row.possession == possession:
            return False
        if _STRICTNESS.index(possession) < _STRICTNESS.index(Possession(row.possession)):
            check_other(actor, row.pk, [Need.POLICY], _draft(row, possession))
        Namespace.objects.filter(pk=row.pk).update(possession=possession)
        activity.record(
            actor,
            verb="Change proof of possession",
            kind="namespaces.namespace",
            object_pk=row.pk,
            object_name=row.name,
            scope=row.pk,
            scope_name=row.name,
            before={"possession": row.possession},
            after={"possession": str(possession)},
        )
        send_on_commit("sync.tasks.pump")
    return True
