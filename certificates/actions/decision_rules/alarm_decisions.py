"""Decisions about alarms of revoked certificates that were let in, and the report of one that no log shows."""

from collections.abc import Sequence

from django.utils import timezone

from certificates.actions.decision_rules.let_in import store_alarms
from certificates.models import RevocationAlarm, RevokedCertificate
from namespaces.actions.decision_points import is_decided_here
from namespaces.actions.resources import commit, current
from namespaces.models import Client, DecisionPoint, Namespace, NamespaceConfiguration
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction
from sync.models import SyncedModel

State = RevocationAlarm.State
VERBS = {State.SETTLED: "Settle revocation alarm", State.DISABLED: "Disable client after alarm"}


def decide_revocation_alarm(actor: User, *, alarm: RevocationAlarm, decision: RevocationAlarm.State) -> None:
    """Close an alarm: it is settled, or the client is disabled, which Azure checks itself. Raise RuleError.

    The next connection with the revoked certificate is an alarm again.
    """
    if decision not in VERBS:
        raise RuleError("decision", "unknown", "Choose whether it is settled, or the client is to be disabled.")
    with one_transaction():
        client = current(actor, alarm.client)
        is_open = RevocationAlarm.objects.open().filter(pk=alarm.pk)
        if not is_open.update(state=decision, decided_at=timezone.now(), decided_by=actor):
            raise RuleError("", "decided", f"The alarm about {client} was decided meanwhile. Nothing was changed.")
        if decision == State.DISABLED and client.state != Client.ConnectionState.DISABLED:
            before = client.describe()
            client.state = Client.ConnectionState.DISABLED
            commit(actor, client, "Update client", before)
        activity.record(actor, verb=VERBS[decision], **client.in_activity(), before=_certificate_of(alarm), after=None)


def report_let_in(actor: User, *, revoked: RevokedCertificate) -> RevocationAlarm:
    """Raise the alarm because a person saw the device connect: Azure itself sends no connection log. Raise RuleError."""
    with one_transaction():
        namespace = Namespace.objects.select_for_update().get(pk=revoked.namespace_id)
        row = RevokedCertificate.objects.in_force().filter(pk=revoked.pk).first()
        client: Client | None = Client.objects.present().filter(namespace=namespace).named(revoked.client_name).first()
        if row is None or client is None:
            raise RuleError("", "no-client", "This certificate is not revoked any more, or its client was deleted.")
        client = current(actor, client)
        if not DecisionPoint.objects.filter(namespace=namespace, switched_at__isnull=False).exists():
            raise RuleError("", "azure-decides", "This portal does not decide yet, so rules do not count.")
        same = RevocationAlarm.objects.open().filter(client=client, thumbprint=row.thumbprint)
        found = same.first()
        if found is not None:
            return found
        now = timezone.now()
        alarm = RevocationAlarm(namespace=namespace, client=client, reported_by=actor, at=now, last_at=now)
        alarm.thumbprint, alarm.subject, alarm.serial, alarm.is_ca = row.thumbprint, row.subject, row.serial, row.is_ca
        store_alarms([alarm])
    return alarm


def close_released(revoked: RevokedCertificate) -> None:
    """Close the alarms about a certificate that counts again, inside the caller's transaction."""
    about = RevocationAlarm.objects.open().filter(namespace=revoked.namespace_id)
    same = {"thumbprint": revoked.thumbprint} if revoked.thumbprint else {"serial": revoked.serial}
    about = about.filter(**same)
    about.update(state=State.RELEASED, decided_at=timezone.now(), decided_by=revoked.released_by)


def settle_undecided_here(rows: Sequence[SyncedModel]) -> None:
    """Settle the alarms of each namespace about which this portal is to decide no longer, inside the caller's transaction.

    They say that its rules were passed by. Where Azure decides, no rule counts, so nobody has anything left to settle.
    """
    for row in rows:
        if isinstance(row, NamespaceConfiguration):
            point = DecisionPoint.objects.filter(namespace=row.namespace_id).first()
            if not is_decided_here(row, point):
                _settle_all(row.namespace_id)


def _settle_all(namespace_pk: int) -> None:
    found = RevocationAlarm.objects.open().filter(namespace=namespace_pk).select_for_update(of=("self",))
    alarms = list(found.select_related("client__namespace", "client__team").order_by("pk"))
    if not alarms:
        return
    RevocationAlarm.objects.filter(pk__in=[each.pk for each in alarms]).update(
        state=State.SETTLED, decided_at=timezone.now(), decided_by=None
    )
    activity.record_many(
        [
            activity.entry_of(
                None,
                verb=VERBS[State.SETTLED],
                **each.client.in_activity(),
                reason="This portal no longer decides about connections.",
                before=_certificate_of(each),
                after=None,
            )
            for each in alarms
        ]
    )


def _certificate_of(alarm: RevocationAlarm) -> dict[str, str]:
    return {"certificate_subject": alarm.subject, "thumbprint": alarm.thumbprint}
