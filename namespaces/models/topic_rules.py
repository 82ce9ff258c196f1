"""Who may publish and subscribe where: client groups, topic spaces, and the permission bindings between them.

A binding names its group and its space as ARM does, by name: `$all` has no row, and Azure may hold a binding whose
group has not been imported yet.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from namespaces.authorization.topic_access import EVERYONE, PUBLISHER, Binding, Group, Space
from namespaces.models.resource import NamespaceResource
from namespaces.rules.clients import RESOURCE_NAME_PATTERN, check_description, check_resource_name
from namespaces.rules.enumerated import as_spelt
from namespaces.rules.topic_rules import PERMISSIONS, check_permission, check_query, check_templates, problems
from sync.models import Obstacle, SyncedModel, SyncedQuerySet, former_holder, same_name


class TopicRule(NamespaceResource, SyncedModel):
    """What the three have in common: a namespace, a name unique in it ignoring case, and a description."""

    named_by: ClassVar[str] = ""  # the column in which a permission binding names it

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE)
    name = models.CharField(max_length=50, validators=[RegexValidator(RESOURCE_NAME_PATTERN)])
    description = models.TextField(blank=True, max_length=512)
    rule_notes: Any = models.JSONField(default=list, blank=True)  # what our rules would reject in what Azure holds

    objects = SyncedQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name"]

    def matches(self, resource: Mapping[str, Any]) -> bool:
        theirs = type(self)()
        theirs.adopt(resource)
        return theirs._comparable() == self._comparable()

    def _comparable(self) -> dict[str, Any]:
        return self.describe() | {"name": self.name.lower()}  # ARM ids ignore case

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        return False

    def adopt(self, resource: Mapping[str, Any]) -> None:
        self.name = str(resource.get("name", self.name))
        properties = resource.get("properties") or {}
        self.description = properties.get("description") or ""
        self.adopt_properties(properties)

    def adopt_properties(self, properties: Mapping[str, Any]) -> None:
        raise NotImplementedError  # abstract

    def bindings(self) -> SyncedQuerySet:
        """Return the permission bindings of the namespace that name it."""
        return PermissionBinding.objects.none()

    def what_refusal_waits_for(self, asked_at: datetime) -> Obstacle | None:
        """For a deletion: find a binding that names it in Azure, or did at `asked_at` (UTC), and that is changing."""
        binding = _binding_that_may_name(self, asked_at) if self.deleted_at is not None else ""
        return Obstacle(_letting_go(binding), waits_too=False) if binding else None


def _due_index(name: str) -> models.Index:
    return models.Index(name=name, fields=["lane", "due_at"], condition=~Q(generation=F("synced_generation")))


class ClientGroup(TopicRule):
    """Clients selected by their attributes. `$all`, the group of all clients, is built in and has no row."""

    arm_type: ClassVar[str] = "clientGroups"
    page_name: ClassVar[str] = "namespaces:client_group_detail"
    named_by: ClassVar[str] = "client_group_name"
    field_labels: ClassVar[Mapping[str, str]] = {
        "name": "Client group name",
        "query": "Query",
        "description": "Description",
    }

    query = models.TextField()

    class Meta(TopicRule.Meta):
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="client_group_name_unique_ignoring_case"),
        ]
        indexes = [_due_index("client_group_due")]

    @classmethod
    def is_built_in(cls, resource: Mapping[str, Any]) -> bool:
        return str(resource.get("name", "")).lower() == EVERYONE

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "query": self.query, "description": self.description}

    def body(self) -> dict[str, Any]:
        return {"query": self.query, "description": self.description or None}

    def adopt_properties(self, properties: Mapping[str, Any]) -> None:
        self.query = str(properties.get("query") or "")

    def rule_problems(self) -> list[str]:
        return problems(
            (
                lambda: check_resource_name(self.name),
                lambda: check_query(self.query),
                lambda: check_description(self.description),
            )
        )

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is not None and "query" in fields:
            return "Its query was changed outside the portal: other clients may now do what its bindings allow."
        return ""

    def bindings(self) -> SyncedQuerySet:
        return PermissionBinding.objects.filter(same_name("client_group_name", self.name), namespace=self.namespace_id)

    def what_it_waits_for(self) -> str:
        return _bindings_in_the_way(self, "clientGroupName") if self.deleted_at is not None else ""

    def as_rule(self) -> Group:
        return Group(self.name, self.query)


class TopicSpace(TopicRule):
    """Topics, by templates."""

    arm_type: ClassVar[str] = "topicSpaces"
    page_name: ClassVar[str] = "namespaces:topic_space_detail"
    named_by: ClassVar[str] = "topic_space_name"
    field_labels: ClassVar[Mapping[str, str]] = {
        "name": "Topic space name",
        "templates": "Topic templates",
        "description": "Description",
    }

    templates: Any = models.JSONField(default=list)  # 1–10 topic templates

    class Meta(TopicRule.Meta):
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="topic_space_name_unique_ignoring_case"),
        ]
        indexes = [_due_index("topic_space_due")]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "templates": list(self.templates), "description": self.description}

    def body(self) -> dict[str, Any]:
        return {"topicTemplates": list(self.templates), "description": self.description or None}

    def adopt_properties(self, properties: Mapping[str, Any]) -> None:
        self.templates = [str(template) for template in properties.get("topicTemplates") or ()]

    def rule_problems(self) -> list[str]:
        return problems(
            (
                lambda: check_resource_name(self.name),
                lambda: check_templates(self.templates),
                lambda: check_description(self.description),
            )
        )

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is not None and "templates" in fields:
            return "Its topic templates were changed outside the portal: clients may now use other topics."
        return ""

    def bindings(self) -> SyncedQuerySet:
        return PermissionBinding.objects.filter(same_name("topic_space_name", self.name), namespace=self.namespace_id)

    def what_it_waits_for(self) -> str:
        return _bindings_in_the_way(self, "topicSpaceName") if self.deleted_at is not None else ""

    def as_rule(self) -> Space:
        return Space(self.name, tuple(self.templates))


class PermissionBinding(TopicRule):
    """Lets a client group publish or subscribe in a topic space."""

    arm_type: ClassVar[str] = "permissionBindings"
    page_name: ClassVar[str] = "namespaces:permission_binding_detail"
    field_labels: ClassVar[Mapping[str, str]] = {
        "name": "Permission binding name",
        "client_group_name": "Client group",
        "topic_space_name": "Topic space",
        "permission": "Permission",
        "description": "Description",
    }

    client_group_name = models.CharField(max_length=50)
    topic_space_name = models.CharField(max_length=50)
    permission = models.CharField(max_length=12, choices=[(each, each) for each in PERMISSIONS], default=PUBLISHER)

    class Meta(TopicRule.Meta):
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="permission_binding_name_unique_ignoring_case"),
            models.CheckConstraint(name="permission_known", condition=Q(permission__in=list(PERMISSIONS))),
        ]
        indexes = [_due_index("permission_binding_due")]

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "client_group_name": self.client_group_name,
            "topic_space_name": self.topic_space_name,
            "permission": str(self.permission),
            "description": self.description,
        }

    def _comparable(self) -> dict[str, Any]:
        names = {key: getattr(self, key).lower() for key in ("client_group_name", "topic_space_name")}
        return super()._comparable() | names

    def body(self) -> dict[str, Any]:
        return {
            "clientGroupName": self.client_group_name,
            "topicSpaceName": self.topic_space_name,
            "permission": str(self.permission),
            "description": self.description or None,
        }

    def adopt_properties(self, properties: Mapping[str, Any]) -> None:
        self.client_group_name = str(properties.get("clientGroupName") or "")
        self.topic_space_name = str(properties.get("topicSpaceName") or "")
        self.permission = as_spelt(properties.get("permission") or "", PERMISSIONS)

    def rule_problems(self) -> list[str]:
        return problems(
            (
                lambda: check_resource_name(self.name),
                lambda: check_permission(self.permission),
                lambda: check_description(self.description),
            )
        )

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is None:
            return "It was not created in the portal. It lets the clients of a group publish or subscribe."
        if set(fields) & {"client_group_name", "topic_space_name", "permission"}:
            return "It was changed outside the portal: other clients or other topics are allowed now."
        return ""

    def what_it_waits_for(self) -> str:
        """Its group and its space: Azure rejects a binding that names a missing one."""
        if self.deleted_at is not None:
            return ""
        for row in (self.client_group(), self.topic_space()):
            if row is not None and row.base is None:
                rejected = ", which Azure rejected" if row.parked_code else ""
                return f"the {row._meta.verbose_name} “{row.name}”{rejected}"
        return ""

    def what_refusal_waits_for(self, asked_at: datetime) -> Obstacle | None:
        """Its group or its space may be missing in Azure for a moment: recreated here, or undone by a late write."""
        for row in (self.client_group(), self.topic_space()):
            if row is not None and not row.parked_code and _is_moving(row, asked_at):
                return Obstacle(f"the {row._meta.verbose_name} “{row.name}”", waits_too=False)
        return None

    def client_group(self) -> ClientGroup | None:
        """Return the group that it names; None for `$all` or an unknown group."""
        return _named(ClientGroup, self.namespace_id, self.client_group_name)

    def topic_space(self) -> TopicSpace | None:
        return _named(TopicSpace, self.namespace_id, self.topic_space_name)

    def as_rule(self) -> Binding:
        return Binding(self.name, self.client_group_name, self.topic_space_name, self.permission)


Rule = TypeVar("Rule", bound=TopicRule)


def _named(model: type[Rule], namespace_pk: int, name: str) -> Rule | None:
    rows: Any = model._default_manager
    found: Rule | None = rows.named(name).filter(namespace=namespace_pk).first()
    return found


def _is_moving(row: TopicRule, asked_at: datetime) -> bool:
    """Whether Azure may hold something else of a row by now than when it was asked."""
    has_moved = row.synced_at is not None and row.synced_at >= asked_at
    return not row.is_settled or row.recheck_at is not None or has_moved


def _bindings_in_the_way(row: TopicRule, names_it: str) -> str:
    """Return the name of a binding that still names `row` in Azure and is changing; "" if none."""
    resting = {f"base__properties__{names_it}__iexact": row.name}
    moving = PermissionBinding.objects.unsettled().filter(namespace=row.namespace_id, parked_code="", **resting)
    binding = moving.first()
    return _letting_go(binding.name) if binding else ""


def _binding_that_may_name(row: TopicRule, asked_at: datetime) -> str:
    """Return the name of a binding that may name `row` in Azure, or did at `asked_at` (UTC); "" if none."""
    binding = row.bindings().filter(parked_code="").unknown().first()
    if binding is not None:
        return str(binding.name)
    others = PermissionBinding.objects.filter(namespace=row.namespace_id, parked_code="")
    return former_holder(others, scope=row.namespace_id, field=row.named_by, value=row.name, since=asked_at)


def _letting_go(binding: str) -> str:
    return f"the permission binding “{binding}” to let go of it"
