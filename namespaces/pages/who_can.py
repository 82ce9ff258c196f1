"""*Who can do what here?*: the people with a right in a namespace, or those who may change one resource of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import Q
from django.http import QueryDict

from namespaces.explanations import Person, explain, rights_of_people
from namespaces.models import Namespace, NamespaceRole
from portal.listing import asked_text, page_of
from portal.models import Membership, User
from portal.registry import RightSection
from sync.models import SyncedModel


@dataclass(frozen=True)
class WhoRow:
    user: User
    sections: Sequence[RightSection]


@dataclass(frozen=True)
class WhoGrid:
    """One page of the people who may do something here. `subject` is the resource that is asked about, or None."""

    page: Page[Any]
    rows: Sequence[WhoRow]
    search: str
    subject: SyncedModel | None


def who_grid(namespace: Namespace, query: QueryDict, subject: SyncedModel | None) -> WhoGrid:
    held = NamespaceRole.objects.filter(namespace=namespace)
    by_team = Membership.objects.filter(team__in=held.filter(team__isnull=False).values("team")).values("user")
    own = held.filter(user__isnull=False).values("user")
    people = User.objects.filter(Q(is_superuser=True) | Q(pk__in=own) | Q(pk__in=by_team), is_active=True)
    search = asked_text(query, "q")
    for word in search.split():
        people = people.filter(
            Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word)
        )
    page = page_of(people.order_by("first_name", "last_name", "username", "pk"), query)
    users = list(page.object_list)
    rights = rights_of_people(users, namespace.pk)
    answers = explain([Person(user, rights[user.pk]) for user in users], subject=subject)
    return WhoGrid(page, [WhoRow(user, answers[user.pk]) for user in users], search, subject)
