"""What every action on a change set shares: lock it, check who acts, record it, let people know."""

from collections.abc import Iterable

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from namespaces.models import ChangeSet
from namespaces.models.change_sets import KIND
from namespaces.rights import Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from portal.notifications.announcing import Place, announce

State = ChangeSet.State


def locked(change_set: ChangeSet) -> ChangeSet:
    """Return the change set as it is now, locked. Raise RuleError where it is gone."""
    rows = ChangeSet.objects.select_for_update(of=("self",)).select_related("namespace", "requested_by")
    found = rows.filter(pk=change_set.pk).first()
    if found is None:
        raise RuleError("", "gone", "This change set is gone.")
    return found


def check_open(change_set: ChangeSet) -> None:
    """Raise RuleError where nothing can be decided about it any more."""
    if change_set.state_at(timezone.now()) != State.OPEN:
        label = State(change_set.state_at(timezone.now())).label
        raise RuleError("", "not-open", f"This change set does not wait for a decision any more: {label.lower()}.")


def check_reader(actor: User, change_set: ChangeSet) -> None:
    """Raise RuleError where the actor has no role in the namespace any more."""
    if Verb.READ not in rights_now(actor, change_set.namespace_id).verbs:
        raise RuleError("", "no-longer-allowed", "You no longer have a role in this namespace.")


def check_requester(actor: User, change_set: ChangeSet) -> None:
    """Raise RuleError unless the actor asked for it."""
    if change_set.requested_by_id != actor.pk:
        raise RuleError("", "not-yours", "Only the person who requested this change set may do this.")
    check_reader(actor, change_set)


def note(actor: User | None, change_set: ChangeSet, verb: str, *, reason: str = "", **facts: object) -> None:
    """Record what happened to a change set, without its title and objects, and without its reason where some of them are hidden."""
    activity.record(
        actor,
        verb=verb,
        kind=KIND,
        object_pk=change_set.pk,
        object_name=str(change_set),
        scope=change_set.namespace_id,
        scope_name=change_set.namespace.name,
        after={"state": change_set.state, "revision": change_set.revision, **facts},
        reason="" if change_set.namespace.hides_other_teams else reason,
    )


def tell(event: str, change_set: ChangeSet, to: Iterable[User], *, subject: str, sentence: str) -> None:
    """Announce an event about a change set."""
    announce(
        event,
        to=to,
        subject=subject,
        sentence=sentence,
        url=url_of(change_set),
        scope=Place(change_set.namespace_id, change_set.namespace.name),
        kind=KIND,
        object_name=str(change_set),
    )


def url_of(change_set: ChangeSet) -> str:
    """Return the path of the page of a change set."""
    args = [change_set.namespace_id, change_set.pk]
    try:
        return reverse("namespaces:change_set_detail", args=args)
    except NoReverseMatch:  # until the page is there
        return reverse("namespaces:change_set_request", args=args)


def people(pks: Iterable[int]) -> list[User]:
    """Return the active people with these primary keys."""
    return list(User.objects.filter(pk__in=list(pks), is_active=True).order_by("pk"))
