"""Decisions about issuer alarms: the other CA key was expected, or the client is disabled until that is known."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from namespaces.actions.resources import Gone, commit, current
from namespaces.models import Client, IssuerAlarm
from namespaces.rights import Rights, Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User

AT_ONCE = 100  # alarms in one transaction: others can write in between
State = IssuerAlarm.State
VERBS = {State.EXPECTED: "Expect issuer", State.DISABLED: "Disable client after alarm"}


def decide_issuer_alarm(actor: User, *, alarm: IssuerAlarm, decision: IssuerAlarm.State) -> None:
    """Close an alarm by a decision. Raise RuleError when it was decided meanwhile, or the actor may not change the client."""
    with transaction.atomic(durable=True):
        if not _decide(actor, alarm, decision):
            raise RuleError(
                "", "decided", f"The alarm about {alarm.client} was decided meanwhile. Nothing was changed."
            )


def decide_same_change(actor: User, *, alarm: IssuerAlarm, decision: IssuerAlarm.State) -> int:
    """Close every open alarm about the same change of keys that the actor may decide, and return their number."""
    of_change = IssuerAlarm.objects.open().filter(
        namespace=alarm.namespace_id, former_key=alarm.former_key, key=alarm.key
    )
    pks = list(of_change.order_by("client").values_list("pk", flat=True))
    done = 0
    for first in range(0, len(pks), AT_ONCE):
        with transaction.atomic(durable=True):
            for each in _that_may_be_decided(actor, alarm, decision, pks[first : first + AT_ONCE]):
                done += _decide(actor, each, decision)
    return done


def may_expect(rights: Rights, team_pk: int | None) -> bool:
    """Return whether a person who may change a client of this team may accept its other issuer.

    Every Contributor may change a client that no team owns, also the one who uploaded the other CA: Owners decide about those.
    """
    return team_pk is not None or Verb.OWN in rights.verbs


def expectable(rights: Rights) -> Q:
    """Return the condition on clients for `may_expect`."""
    return Q() if may_expect(rights, None) else Q(team__isnull=False)


def _that_may_be_decided(
    actor: User, alarm: IssuerAlarm, decision: IssuerAlarm.State, pks: Sequence[int]
) -> list[IssuerAlarm]:
    """Return those alarms about which the actor may decide so now."""
    rights = rights_now(actor, alarm.namespace_id)
    covered = rights.reach(Client).condition
    if decision == State.EXPECTED:
        covered &= expectable(rights)
    clients = Client.objects.present().filter(covered, namespace=alarm.namespace_id)
    alarms = IssuerAlarm.objects.filter(pk__in=pks, client__in=clients.order_by().values("pk"))
    return list(alarms.select_related("client").order_by("client"))


def _decide(actor: User, alarm: IssuerAlarm, decision: IssuerAlarm.State) -> bool:
    """Close an alarm if it is still open. The client is locked first, as by the import of the connection log."""
    if decision not in VERBS:
        raise RuleError(
            "decision", "unknown", "Choose whether the issuer was expected, or the client is to be disabled."
        )
    try:
        client = current(actor, alarm.client)
    except Gone:
        return False
    if decision == State.EXPECTED and not may_expect(rights_now(actor, client.namespace_id), client.team_id):
        sentence = "No team owns this client, so an Owner decides whether its issuer was expected."
        raise RuleError("decision", "owners-decide", sentence)
    is_open = IssuerAlarm.objects.open().filter(pk=alarm.pk)
    if not is_open.update(state=decision, decided_at=timezone.now(), decided_by=actor):
        return False
    if decision == State.EXPECTED:
        Client.objects.filter(pk=client.pk).update(expected_key=alarm.key)
    elif client.state != Client.ConnectionState.DISABLED:
        before = client.describe()
        client.state = Client.ConnectionState.DISABLED
        commit(actor, client, "Update client", before)
    activity.record(
        actor,
        verb=VERBS[decision],
        **client.in_activity(),
        before={"issuer_key": alarm.former_key, "certificate_issuer": alarm.former_issuer},
        after={"issuer_key": alarm.key, "certificate_issuer": alarm.issuer},
    )
    return True
