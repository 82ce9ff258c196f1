"""Build the change set that undoes another one. It is requested, approved and applied like any other."""

from namespaces.actions.change_sets.records import check_reader
from namespaces.actions.change_sets.requests import LONGEST_TITLE, draft_of
from namespaces.control.kinds import kind_of
from namespaces.models import ChangeSet
from namespaces.rules.errors import RuleError
from portal.models import User


def build_inverse(actor: User, *, change_set: ChangeSet) -> ChangeSet:
    """Return a draft of the actor that undoes what was written, the last change first. Raise RuleError."""
    change_set = ChangeSet.objects.select_related("namespace").get(pk=change_set.pk)
    check_reader(actor, change_set)
    if change_set.applied_at is None:
        raise RuleError("", "not-applied", "Nothing of this change set was applied, so there is nothing to undo.")
    written = change_set.changes.filter(written_at__isnull=False).order_by("-position")
    found = [kind_of(each.kind).inverse(change_set.namespace, each) for each in written]
    drafts = [each for each in found if each is not None]
    if not drafts:
        raise RuleError("", "nothing", "What it changed is gone by now, so there is nothing to undo.")
    title = f"Undo {change_set}: {change_set.title}"[:LONGEST_TITLE]
    return draft_of(
        actor,
        namespace=change_set.namespace,
        drafts=drafts,
        needs=change_set.needs,
        title=title,
        inverse_of=change_set,
    )
