"""Which rows a person sees. Every page, list, file and search asks with a `Sight`; an empty one sees nothing."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet

from portal.activity import DENIED, DOWNLOADS
from portal.models import Activity, ActivityQuerySet, Team

HIDDEN_NAME = "(of another team)"  # stands for the name of a hidden row where it cannot be left out

# Primary keys, or a query of them.
Keys = Collection[int] | QuerySet[Any, Any]


@dataclass(frozen=True)
class Sight:
    """What one person sees in the namespaces `whole`: everything; in `partly`: not what other teams own of the hidden kinds.

    What no team owns is seen in both. `teams` are the person's. Which kinds can be hidden is `SyncedModel.is_hideable`.
    """

    whole: Keys = ()
    partly: Keys | None = None
    teams: Keys = ()
    everywhere: bool = False  # an administrator's
    creator: int | None = None  # in `partly`, of the hidden kinds only what this person created

    def condition(self, namespace: str, *, is_hideable: bool) -> Q:
        """Return the condition for rows whose column `namespace` names their namespace, and `team` their team."""
        if self.everywhere:
            return Q()
        seen = Q(**{f"{namespace}__in": self.whole})
        if self.partly is None:
            return seen
        there = Q(**{f"{namespace}__in": self.partly})
        return seen | (there & self._own() if is_hideable else there)

    def _own(self) -> Q:
        """Return the condition for the rows that are seen in `partly`."""
        own = Q(team=None) | Q(team__in=self.teams)
        return own if self.creator is None else own & Q(created_by=self.creator)

    def outside_hiding(self, namespace: str, *, is_hideable: bool) -> Q:
        """Return the condition that leaves out hidden rows only, for numbers that are read for many namespaces at once."""
        if self.partly is None or self.everywhere or not is_hideable:
            return Q()
        return ~Q(**{f"{namespace}__in": self.partly}) | self._own()

    def hides(self, row: Any) -> bool:
        """Return whether a row of a synced model is hidden, in a sight over known namespaces."""
        if self.partly is None or not row.is_hideable or row.scope_pk() not in self.partly:
            return False
        is_others = row.team_id is not None and row.team_id not in self.teams
        return is_others or (self.creator is not None and row.created_by_id != self.creator)

    def name_of(self, row: Any) -> str:
        """Return the name of a row, or a neutral word where it is hidden."""
        return HIDDEN_NAME if self.hides(row) else str(row.name)

    @classmethod
    def over(cls, sights: Iterable["Sight"]) -> "Sight":
        """Return what one person sees in several namespaces, from what they see in each."""
        found = list(sights)
        hiding = [each for each in found if each.partly is not None]
        return cls(
            whole=sorted({pk for each in found for pk in each.whole}),
            partly=sorted({pk for each in hiding for pk in each.partly or ()}) if hiding else None,
            teams=hiding[0].teams if hiding else (),
            creator=hiding[0].creator if hiding else None,
        )

    @property
    def namespaces(self) -> tuple[int, ...]:
        """Return the primary keys of the namespaces, of a sight over known ones."""
        return (*self.whole, *(self.partly or ()))

    @property
    def is_partial(self) -> bool:
        """Return whether something may be hidden from this person."""
        return self.partly is not None

    @property
    def key(self) -> str:
        """Return a text that differs wherever the numbers of rows may differ; of a sight over known namespaces only."""
        return repr((self.whole, self.partly, self.teams, self.creator)) if self.is_partial else ""


NOTHING_SEEN = Sight()


def hideable_models() -> list[type[models.Model]]:
    """Return the synced models whose rows a namespace can hide from other teams."""
    return [model for model in apps.get_models() if getattr(model, "is_hideable", False)]


def scope_of(model: type[models.Model], sight: Sight) -> Q:
    """Return the condition for all rows in the namespaces where something is hidden."""
    field: str = model.scope_field  # type: ignore[attr-defined]  # a synced model
    return Q(**{f"{field}__in": () if sight.partly is None else sight.partly})


def of_seen_objects(sight: Sight, *, once_theirs: Callable[[Sight], Q] | None = None) -> Q:
    """Return the condition for records with `scope`, `kind` and `object_pk`, such as findings: is the object seen?

    A record about a kind that is never hidden is seen wherever its namespace is, and so is one that names no object: no team
    owns that yet. With `once_theirs`, those without an object, or whose object no longer exists, must fulfil it.
    """
    if sight.everywhere:
        return Q()
    wanted = Q(scope__in=sight.whole)
    if sight.partly is None:
        return wanted
    hideable = hideable_models()
    seen = ~Q(kind__in=[model._meta.label_lower for model in hideable])
    if once_theirs is None:
        seen |= Q(object_pk=None)
    for model in hideable:
        rows: Any = model._default_manager
        of_kind = Q(kind=model._meta.label_lower)
        seen |= of_kind & Q(object_pk__in=rows.visible_to(sight).values("pk"))
        if once_theirs is not None:
            seen |= of_kind & once_theirs(sight) & ~Q(object_pk__in=rows.filter(scope_of(model, sight)).values("pk"))
    return wanted | (Q(scope__in=sight.partly) & seen)


def visible_activities(sight: Sight) -> ActivityQuerySet:
    """Return the entries of the activity log that this person may see, of what happened in namespaces.

    Of an object that no longer exists, those are seen that were made while one of the person's teams owned it. Where something is
    hidden, downloads and denials are too: they may name it.
    """
    rows = Activity.objects.filter(of_seen_objects(sight, once_theirs=_of_own_team))
    return rows.exclude(kind__in=(DENIED, DOWNLOADS)) if sight.is_partial else rows


def hidden_activities(sight: Sight) -> Q:
    """Return the condition for the entries that this person may not see, in namespaces that they see."""
    if sight.partly is None:
        return Q(pk__in=())
    return Q(scope__in=sight.partly) & ~of_seen_objects(sight, once_theirs=_of_own_team)


def _of_own_team(sight: Sight) -> Q:
    return Q(team_name__in=Team.objects.filter(pk__in=sight.teams).order_by().values("name"))
