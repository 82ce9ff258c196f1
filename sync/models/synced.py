"""The base of every synced row: its desired state, and how far that has reached Azure."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from sync.models.findings import Finding
from sync.models.names import same_name
from sync.models.sight import Sight
from sync.models.sync_states import STATE_COLUMNS, SyncState, sync_state_of

if TYPE_CHECKING:
    from sync.arm.gateway import ArmGateway
    from sync.arm.protocols import Reader


# Written by workers only, by conditional UPDATE; an edit that saved them could undo a settlement.
_WORKER_FIELDS = frozenset(
    {
        "synced_generation",
        "base",
        "claim_token",
        "claimed_until",
        "claimed_by",
        "synced_at",
        "created_at",
        "recheck_at",
        "doubtful_from",
        "lost_writes",
        "sent_states",
        "replaced_state",
    }
)


class Lane(models.IntegerChoices):
    """The order in which waiting rows are pushed."""

    URGENT = 0, "Urgent"  # access is taken away: a deletion, a disabled client
    URGENT_BULK = 1, "Urgent bulk"  # … in bulk, so that a single change does not wait for it
    NORMAL = 2, "Normal"
    BULK = 3, "Bulk"  # one of many changed at once

    @classmethod
    def of(cls, *, urgent: bool, bulk: bool) -> "Lane":
        if urgent:
            return cls.URGENT_BULK if bulk else cls.URGENT
        return cls.BULK if bulk else cls.NORMAL


def may_go(at: datetime) -> Q:
    """Match unsettled rows that a worker may claim: not parked, not leased, not waiting for a retry."""
    return (
        Q(parked_code="")
        & (Q(claimed_until__isnull=True) | Q(claimed_until__lte=at))
        & (Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=at))
    )


class SyncedQuerySet(models.QuerySet[Any]):
    def visible_to(self, sight: Sight) -> Self:
        """Rows that this person may see. Pages, files and searches ask in no other way."""
        return self.filter(sight.condition(self.model.scope_field, is_hideable=self.model.is_hideable))

    def present(self) -> Self:
        """Rows that are not being deleted."""
        return self.filter(deleted_at__isnull=True)

    def named(self, name: str) -> Self:
        """Return the rows with this name, ignoring case: at most one in a namespace."""
        return self.filter(same_name("name", name)).order_by("pk")

    def with_findings(self) -> Self:
        """Each row with `finding_pk`: the open difference between it and Azure, or None."""
        label = self.model._meta.label_lower
        open_ones = Finding.objects.filter(kind=label, object_pk=OuterRef("pk"), state=Finding.State.OPEN)
        return self.annotate(finding_pk=Subquery(open_ones.order_by().values("pk")[:1]))

    def unsettled(self) -> Self:
        """Rows whose newest generation has not been confirmed by Azure."""
        return self.exclude(generation=F("synced_generation"))

    def unknown(self) -> Self:
        """Rows whose state in Azure is unknown: an answer is still to come, or was lost."""
        return self.filter(Q(claim_token__isnull=False) | Q(uncertain=True) | Q(recheck_at__isnull=False))

    def due(self, at: datetime) -> Self:
        """Rows that a worker may claim now."""
        return self.unsettled().filter(may_go(at))

    def parked(self) -> Self:
        return self.unsettled().exclude(parked_code="")

    def claim(self, token: uuid.UUID, until: datetime, at: datetime, *, by: str = "") -> int:
        """Claim the rows that are due, and return their number. Rows that another worker has claimed are not due.

        A token that is still there belongs to a push that died with an unknown result: the row is read back first, and
        what it sent may still take effect late.
        """
        died = Q(claim_token__isnull=False)
        late = at + timedelta(seconds=settings.ARM_LATE_SECONDS)
        return self.due(at).update(
            uncertain=Case(When(died, then=Value(True)), default=F("uncertain")),
            recheck_at=Case(When(died, then=Value(late)), default=F("recheck_at")),
            doubtful_from=Case(
                When(died, then=Coalesce(F("doubtful_from"), F("synced_generation") + 1)),
                default=F("doubtful_from"),
                output_field=models.PositiveBigIntegerField(),
            ),
            lost_writes=Case(
                When(died, then=F("lost_writes") + 1),
                default=F("lost_writes"),
                output_field=models.PositiveIntegerField(),
            ),
            claim_token=token,
            claimed_until=until,
            claimed_by=by,
        )


@dataclass(frozen=True)
class Obstacle:
    """A row that must go first. `waits_too`: it waits as well, so the two may wait for each other."""

    sentence: str
    waits_too: bool


class SyncedModel(models.Model):
    """A row that must reach Azure as it is now. Due while `generation != synced_generation`."""

    arm_type: ClassVar[str]  # the child segment: "caCertificates", "clients"
    page_name: ClassVar[str]  # of the URL of its page, such as "namespaces:client_detail"
    read_only: ClassVar[frozenset[str]] = frozenset({"provisioningState"})  # properties Azure writes and we never send
    merged: ClassVar[frozenset[str]] = frozenset()  # properties that are objects of which the portal models a part
    scope_relations: ClassVar[tuple[str, ...]] = ("namespace",)  # what `arm_id` reads, fetched with the row
    log_name: ClassVar[str] = ""  # where a connection record names a row of this model, e.g. "clientName"
    scope_id_path: ClassVar[str] = "namespace__resource_id"  # lookup of the ARM id of what the row lives in
    scope_field: ClassVar[str] = "namespace_id"  # the column that holds what `scope_pk` answers
    field_labels: ClassVar[Mapping[str, str]] = {}  # keys of `describe` → what people read
    # Keys of `describe` → the columns that hold the value, where that is not the column of the same name.
    field_columns: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Keys of `describe` whose values Azure never changes: another value takes a DELETE and a PUT.
    unchangeable: ClassVar[frozenset[str]] = frozenset()
    # It is a part of a resource that has other parts: what changed is PATCHed, and it is never made nor deleted alone.
    is_patched: ClassVar[bool] = False
    is_hideable: ClassVar[bool] = False  # a namespace can hide its rows from other teams
    seen_field: ClassVar[str] = ""  # the column that keeps when it was last named there
    # Set by the page that lists it: whether its user may change it, and for a row of another team, whom to ask.
    may_change = False
    whom_to_ask = ""

    generation = models.PositiveBigIntegerField(default=1)
    synced_generation = models.PositiveBigIntegerField(default=0)
    # The generation of the last change of what `describe` returns, or of a deletion: retries only add to `generation`.
    edited_generation = models.PositiveBigIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True, blank=True)
    base: Any = models.JSONField(null=True, blank=True)  # the resource as last read from Azure
    claim_token = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    uncertain = models.BooleanField(default=False)  # an answer was lost: read back before trusting anything
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lane = models.PositiveSmallIntegerField(choices=Lane, default=Lane.NORMAL)
    due_at = models.DateTimeField(default=timezone.now)  # since when it waits
    claimed_by = models.CharField(max_length=40, blank=True)  # the worker, so that a dead one's claims are found
    # A write whose answer was lost may still take effect, late and unseen. Until this time it is not over.
    recheck_at = models.DateTimeField(null=True, blank=True, db_index=True)
    doubtful_from = models.PositiveBigIntegerField(null=True, blank=True)  # the first generation that was lost so
    lost_writes = models.PositiveIntegerField(default=0)
    # What Azure may hold while an answer is missing, as `describe` returns it (null: nothing). Claims write it, so that
    # no push depends on the activity log. [{"generation": 4, "state": {"name": "sensor-1", …}}, …], oldest first
    sent_states: Any = models.JSONField(default=list, blank=True)
    replaced_state: Any = models.JSONField(null=True, blank=True)  # what was there before the first push in doubt
    waits_for = models.CharField(max_length=200, blank=True)  # what must be in Azure first, as words
    parked_code = models.CharField(max_length=120, blank=True)
    parked_message = models.TextField(blank=True)
    last_error = models.TextField(blank=True)  # the transient fault that delays it now
    synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    team = models.ForeignKey("portal.Team", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        return self.page_of(self.scope_pk(), str(self))

    @classmethod
    def visible_to(cls, sight: Sight) -> SyncedQuerySet:
        """Return the rows that this person may see."""
        manager: Any = cls._default_manager
        rows: SyncedQuerySet = manager.visible_to(sight)
        return rows

    @property
    def kind(self) -> str:
        return self._meta.label_lower

    @property
    def edition(self) -> str:
        """Return what a form keeps of the row that it was opened with. Another edit, or another row, has another one."""
        return f"{self.pk}.{self.edited_generation}"

    @property
    def is_settled(self) -> bool:
        return self.generation == self.synced_generation

    @property
    def sync_state(self) -> SyncState:
        return sync_state_of(*(getattr(self, column) for column in STATE_COLUMNS))

    @classmethod
    def page_of(cls, scope_pk: int, name: str) -> str:
        """Return the URL of the page of this row in a namespace."""
        return reverse(cls.page_name, args=[scope_pk, name])

    @property
    def what(self) -> str:
        """The kind of object in words: "Client", "CA certificate"."""
        return capfirst(str(self._meta.verbose_name))

    @property
    def is_in_doubt(self) -> bool:
        """Whether Azure may hold something else than `base`: an answer was lost, or a write may still take effect."""
        return self.uncertain or self.doubtful_from is not None

    @classmethod
    def label_of(cls, field: str) -> str:
        """Return the label of a key of `describe`."""
        return cls.field_labels.get(field, capfirst(field.replace("_", " ")))

    @classmethod
    def columns_of(cls, field: str) -> tuple[str, ...]:
        """Return the columns that hold the value of a key of `describe`."""
        return cls.field_columns.get(field, (field,))

    @classmethod
    def shown(cls, field: str, value: Any) -> tuple[str, ...]:
        """Return a value of `describe` as pages show it, line by line; empty if there is no value."""
        if value in (None, "", [], {}):
            return ()
        if isinstance(value, dict):
            return tuple(f"{key}: {_in_a_line(each)}" for key, each in value.items())
        return tuple(map(str, value)) if isinstance(value, list) else (str(value),)

    def claim(self, token: uuid.UUID, until: datetime, at: datetime, *, by: str = "") -> bool:
        """Claim the row for one push. Return False if another worker has it or it is not due."""
        manager: Any = type(self)._default_manager
        return bool(manager.filter(pk=self.pk).claim(token, until, at, by=by))

    def desired_fields(self) -> list[str]:
        """Return the columns that a change may write: all except those written by workers."""
        return [f.name for f in self._meta.concrete_fields if f.name not in _WORKER_FIELDS and not f.primary_key]

    def read(self, gateway: "Reader") -> dict[str, Any]:
        """Return the resource in Azure. Raise what the gateway raises."""
        return gateway.get(self.arm_id())

    def send(self, gateway: "ArmGateway", properties: Mapping[str, Any]) -> dict[str, Any]:
        """Write it, wait for the result, and return the resource. Raise what the gateway raises."""
        return gateway.put(self.arm_id(), {"properties": dict(properties)})

    def changed_properties(self, current: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the `properties` that differ from Azure, for a model that is patched."""
        raise NotImplementedError  # abstract

    # Each concrete model implements these.
    def arm_id(self) -> str:
        raise NotImplementedError  # abstract

    @classmethod
    def is_built_in(cls, resource: Mapping[str, Any]) -> bool:
        """Whether Event Grid itself created this resource: it is never imported or compared."""
        return False

    @classmethod
    def in_azure(cls, gateway: "Reader", scope_id: str) -> Iterator[dict[str, Any]]:
        """Yield the resources of this type in a namespace, page by page. Raise what the gateway raises."""
        for resource in gateway.list_children(scope_id, cls.arm_type):
            if not cls.is_built_in(resource):
                yield resource

    def scope_pk(self) -> int:
        """Return the primary key of its namespace."""
        raise NotImplementedError  # abstract

    def scope_name(self) -> str:
        """Return the name of its namespace."""
        raise NotImplementedError  # abstract

    def in_activity(self) -> dict[str, Any]:
        """Return the part of an activity entry that names the object."""
        return {
            "kind": self.kind,
            "object_pk": self.pk,
            "object_name": str(self),
            "scope": self.scope_pk(),
            "scope_name": self.scope_name(),
            "team": self.team,
        }

    def describe(self) -> dict[str, Any]:
        """Return what people change in it, as JSON under stable snake_case keys; `label_of` has the words for pages."""
        raise NotImplementedError  # abstract

    def is_urgent(self) -> bool:
        """Whether this change takes access away, and so goes before others."""
        return self.deleted_at is not None

    def what_it_waits_for(self) -> str:
        """Return what must be in Azure before this row is sent, or deleted from it first, in words; "" if nothing."""
        return ""

    @property
    def is_held_back(self) -> bool:
        """Return whether people must do something before Azure gets it, so that files and commands for Azure leave it out."""
        return False

    def what_refusal_waits_for(self, asked_at: datetime) -> Obstacle | None:
        """Return another row whose push may resolve a rejection sent at `asked_at` (UTC); None if the rejection is final."""
        return None

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        """Return why a change outside the portal may give clients access, as a sentence; "" if it does not.

        `fields` are the keys of `describe` that changed; None: the whole resource appeared.
        """
        return ""

    @classmethod
    def drift_alarm_in(cls, fields: Collection[str] | None, resource: Mapping[str, Any]) -> str:
        """Return the same for the resource that Azure holds now, where the sentence depends on that."""
        return cls.drift_alarm(fields)

    def why_not_taken(self, taken: "SyncedModel") -> str:
        """Return why a decision about drift may not make this row what `taken` is, as a sentence; "" if it may."""
        return ""

    def rule_problems(self) -> list[str]:
        """Return what our rules would reject in it, as sentences: Azure may hold what the portal does not allow."""
        return []

    def body(self) -> dict[str, Any]:
        """Return the `properties` that the portal models, as ARM takes them. None leaves a property out."""
        raise NotImplementedError  # abstract

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether Azure's resource has the same meaning as this row, in what the portal models."""
        raise NotImplementedError  # abstract

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        """Whether a value differs that Azure never changes, so that it takes a DELETE and a PUT."""
        raise NotImplementedError  # abstract

    def adopt(self, resource: Mapping[str, Any]) -> None:
        """Copy Azure's resource into this row. The caller saves it."""
        raise NotImplementedError  # abstract


def _in_a_line(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
