"""Settings of a namespace that MQTT clients feel, as a synced row. They are a part of the namespace's own resource."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from namespaces.rules.configuration import (
    DEFAULT_EXPIRY_HOURS,
    DEFAULT_SESSIONS,
    IDENTITIES,
    SOURCES,
    USER_ASSIGNED,
    Webhook,
    configuration_problems,
)
from namespaces.rules.enumerated import as_spelt
from sync.arm.errors import AzureNotFound, AzureRefused
from sync.models import SyncedModel, SyncedQuerySet

if TYPE_CHECKING:
    from sync.arm.gateway import ArmGateway
    from sync.arm.protocols import Reader

# Only preview versions know alternative sources; other settings are sent with the stable version.
PREVIEW = "2025-07-15-preview"
UNKNOWN_VERSION = frozenset({"NoRegisteredProviderFound", "InvalidApiVersionParameter", "InvalidResourceType"})
PART = "topicSpacesConfiguration"
AUTHENTICATION = "clientAuthentication"
NAME_SOURCES = "alternativeAuthenticationNameSources"
WEBHOOK = "webhookAuthentication"
_SPELLINGS = (WEBHOOK, "webHookAuthentication")  # the second one is that of Microsoft's line for az

WEBHOOK_FIELDS = ("webhook_url", "webhook_audience", "webhook_tenant", "webhook_identity", "webhook_user_identity")
WEBHOOK_CHANGED = "Custom webhook authentication was changed outside the portal: another service may now decide which clients connect."
WEBHOOK_REMOVED = (
    "Custom webhook authentication was removed outside the portal: Azure decides about each CONNECT again, and the rules of "
    "this portal, such as revoked certificates, no longer count."
)
WEBHOOK_SET = "Custom webhook authentication was changed outside the portal: {url} now decides which clients connect, and with which name."


class NamespaceConfiguration(SyncedModel):
    """The settings of the Configuration page. A PATCH sends only what changed, so that routing, identity and tags stay."""

    arm_type: ClassVar[str] = "namespaces"
    page_name: ClassVar[str] = "namespaces:configuration_detail"
    is_patched: ClassVar[bool] = True
    field_labels: ClassVar[Mapping[str, str]] = {
        "state": "MQTT broker",
        "sources": "Alternative authentication name sources",
        "max_sessions": "Maximum client sessions per authentication name",
        "max_expiry_hours": "Maximum session expiry interval in hours",
        "webhook_url": "Webhook URL",
        "webhook_audience": "Token audience URI",
        "webhook_tenant": "Microsoft Entra ID tenant ID",
        "webhook_identity": "Managed identity type",
        "webhook_user_identity": "User-assigned identity",
    }

    class Broker(models.TextChoices):
        ENABLED = "Enabled"
        DISABLED = "Disabled"

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="configurations")
    name = models.CharField(max_length=50)  # the namespace's
    state = models.CharField(max_length=8, choices=Broker, default=Broker.DISABLED)
    sources: Any = models.JSONField(default=list, blank=True)  # in the order in which they are tried
    max_sessions = models.PositiveIntegerField(default=DEFAULT_SESSIONS)
    max_expiry_hours = models.PositiveIntegerField(default=DEFAULT_EXPIRY_HOURS)
    # Custom webhook authentication, as Azure holds it. Without a URL Azure decides about each CONNECT by itself.
    webhook_url = models.CharField(max_length=1024, blank=True, default="")
    webhook_audience = models.CharField(max_length=512, blank=True, default="")  # an application's URI or client id
    webhook_tenant = models.CharField(max_length=64, blank=True, default="")
    webhook_identity = models.CharField(max_length=16, blank=True, default="")  # SystemAssigned or UserAssigned
    webhook_user_identity = models.CharField(max_length=512, blank=True, default="")  # its resource id
    rule_notes: Any = models.JSONField(default=list, blank=True)

    objects = SyncedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["namespace"], name="one_configuration_per_namespace"),
            models.CheckConstraint(name="broker_state_known", condition=Q(state__in=["Enabled", "Disabled"])),
        ]
        indexes = [
            models.Index(
                name="configuration_due", fields=["lane", "due_at"], condition=~Q(generation=F("synced_generation"))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def page_of(cls, scope_pk: int, name: str) -> str:
        return reverse(cls.page_name, args=[scope_pk])

    @classmethod
    def in_azure(cls, gateway: "Reader", scope_id: str) -> Iterator[dict[str, Any]]:
        try:
            yield _read(gateway, scope_id)
        except AzureNotFound:
            return  # the namespace is deleted: listing its other resources reports that

    def read(self, gateway: "Reader") -> dict[str, Any]:
        return _read(gateway, self.arm_id())

    def send(self, gateway: "ArmGateway", properties: Mapping[str, Any]) -> dict[str, Any]:
        version = self.version_for(properties)
        return gateway.patch(self.arm_id(), {"properties": dict(properties)}, api_version=version)

    @staticmethod
    def version_for(properties: Mapping[str, Any]) -> str | None:
        """Return the API version in which these properties are sent; None for the usual one."""
        return PREVIEW if AUTHENTICATION in properties.get(PART, {}) else None

    def arm_id(self) -> str:
        return str(self.namespace.resource_id)

    def scope_pk(self) -> int:
        return self.namespace_id

    def scope_name(self) -> str:
        return str(self.namespace.name)

    @property
    def webhook(self) -> Webhook:
        """Return custom webhook authentication as these settings want it; NO_WEBHOOK where Azure decides."""
        return Webhook(
            self.webhook_url,
            self.webhook_audience,
            self.webhook_tenant,
            self.webhook_identity,
            self.webhook_user_identity,
        )

    @webhook.setter
    def webhook(self, webhook: Webhook) -> None:
        self.webhook_url, self.webhook_audience = webhook.url, webhook.audience
        self.webhook_tenant = webhook.tenant.lower()
        self.webhook_identity, self.webhook_user_identity = webhook.identity, webhook.user_identity

    def describe(self) -> dict[str, Any]:
        return {
            "state": str(self.state),
            "sources": list(self.sources),
            "max_sessions": self.max_sessions,
            "max_expiry_hours": self.max_expiry_hours,
            **webhook_values(self.webhook),
        }

    @classmethod
    def shown(cls, field: str, value: Any) -> tuple[str, ...]:
        names = {"sources": dict(SOURCES), "webhook_identity": dict(IDENTITIES)}.get(field, {})
        return tuple(names.get(text, text) for text in super().shown(field, value))

    def body(self) -> dict[str, Any]:
        authentication: dict[str, Any] = {NAME_SOURCES: self.sources}
        if self.webhook_url:
            authentication[WEBHOOK] = self._webhook_body()
        return {PART: {**self._plain(), AUTHENTICATION: authentication}}

    def _plain(self) -> dict[str, Any]:
        return {
            "state": str(self.state),
            "maximumClientSessionsPerAuthenticationName": self.max_sessions,
            "maximumSessionExpiryInHours": self.max_expiry_hours,
        }

    def _webhook_body(self) -> dict[str, Any]:
        identity = {"type": str(self.webhook_identity)}
        if self.webhook_user_identity:
            identity["userAssignedIdentity"] = self.webhook_user_identity
        return {
            "identity": identity,
            "endpointUrl": self.webhook_url,
            "azureActiveDirectoryApplicationIdOrUri": self.webhook_audience,
            "azureActiveDirectoryTenantId": self.webhook_tenant,
        }

    def changed_properties(self, current: Mapping[str, Any] | None) -> dict[str, Any]:
        theirs = NamespaceConfiguration()
        theirs.adopt(current or {})
        before = theirs._plain()
        part = {key: value for key, value in self._plain().items() if before[key] != value}
        is_same_webhook = _comparable(theirs) == _comparable(self)
        if list(theirs.sources) != list(self.sources) or not is_same_webhook:
            # Other values of this object are sent unchanged: a service that replaces it whole must not lose them.
            held = dict(_part_of(current or {}).get(AUTHENTICATION) or {})
            part[AUTHENTICATION] = {**held, NAME_SOURCES: list(self.sources)}
            if not is_same_webhook:
                part[AUTHENTICATION] |= self._changed_webhook(held)
        return {PART: part}

    def _changed_webhook(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """Return the webhook to send. `null` takes it away, as in RFC 7396, and so another spelling of it (docs/policy.md)."""
        sent: dict[str, Any] = dict.fromkeys(name for name in _SPELLINGS if name in held)
        if not self.webhook_url:
            return {**sent, WEBHOOK: None}
        wanted = self._webhook_body()
        wanted["identity"].setdefault("userAssignedIdentity", None)  # of the webhook before
        return {**sent, WEBHOOK: wanted}

    def matches(self, resource: Mapping[str, Any]) -> bool:
        theirs = NamespaceConfiguration()
        theirs.adopt(resource)
        return theirs.describe() | _comparable(theirs) == self.describe() | _comparable(self)

    def has_webhook_of(self, resource: Mapping[str, Any]) -> bool:
        """Return whether Azure holds the webhook that these settings want, or none where they want none."""
        theirs = NamespaceConfiguration()
        theirs.adopt(resource)
        return _comparable(theirs) == _comparable(self)

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        return False

    def adopt(self, resource: Mapping[str, Any]) -> None:
        part = _part_of(resource)
        self.name = str(resource.get("name", self.name))
        self.state = as_spelt(part.get("state") or self.Broker.DISABLED, self.Broker.values)
        authentication = part.get(AUTHENTICATION) or {}
        given = authentication.get(NAME_SOURCES) or ()
        self.sources = [as_spelt(source, dict(SOURCES)) for source in given]
        self.max_sessions = part.get("maximumClientSessionsPerAuthenticationName") or DEFAULT_SESSIONS
        self.max_expiry_hours = part.get("maximumSessionExpiryInHours") or DEFAULT_EXPIRY_HOURS
        self.webhook = webhook_in(authentication)

    def rule_problems(self) -> list[str]:
        return configuration_problems(self.state, self.sources, self.max_sessions, self.max_expiry_hours, self.webhook)

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is not None and "sources" in fields:
            return "The sources of authentication names were changed outside the portal: clients that send no user name may now be let in."
        if fields is None or not set(fields).isdisjoint(WEBHOOK_FIELDS):
            return WEBHOOK_CHANGED
        return ""

    @classmethod
    def drift_alarm_in(cls, fields: Collection[str] | None, resource: Mapping[str, Any]) -> str:
        alarm = cls.drift_alarm(fields)
        if alarm != WEBHOOK_CHANGED:
            return alarm
        theirs = cls()
        theirs.adopt(resource)
        return (WEBHOOK_SET.format(url=theirs.webhook_url) if theirs.webhook_url else WEBHOOK_REMOVED) if fields else ""


def webhook_values(webhook: Webhook) -> dict[str, Any]:
    """Return custom webhook authentication under the keys of `describe`."""
    values = (webhook.url, webhook.audience, webhook.tenant, webhook.identity, webhook.user_identity)
    return dict(zip(WEBHOOK_FIELDS, values, strict=True))


def webhook_in(authentication: Mapping[str, Any]) -> Webhook:
    """Return what Azure holds under `clientAuthentication`, in either spelling. Where it hides the URL, it shows its base."""
    held: Mapping[str, Any] = next((authentication[name] for name in _SPELLINGS if authentication.get(name)), {})
    identity = held.get("identity") or {}
    kind = as_spelt(identity.get("type") or "", [value for value, _ in IDENTITIES]) if identity.get("type") else ""
    return Webhook(
        url=str(held.get("endpointUrl") or held.get("endpointBaseUrl") or ""),
        audience=str(held.get("azureActiveDirectoryApplicationIdOrUri") or ""),
        tenant=str(held.get("azureActiveDirectoryTenantId") or ""),
        identity=kind,
        user_identity=str(identity.get("userAssignedIdentity") or "") if kind == USER_ASSIGNED else "",
    )


def _comparable(row: NamespaceConfiguration) -> dict[str, Any]:
    """Return the webhook as it is compared: ids of resources and of tenants ignore case."""
    values = webhook_values(row.webhook)
    return values | {
        "webhook_user_identity": row.webhook_user_identity.lower(),
        "webhook_tenant": row.webhook_tenant.lower(),
    }


def _part_of(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    part: Mapping[str, Any] = (resource.get("properties") or {}).get(PART) or {}
    return part


def _read(gateway: "Reader", namespace_id: str) -> dict[str, Any]:
    """Read the namespace in the preview version; in the stable version if Azure no longer knows the preview."""
    try:
        return gateway.get(namespace_id, api_version=PREVIEW)
    except AzureRefused as refusal:
        if refusal.code not in UNKNOWN_VERSION:
            raise
        return gateway.get(namespace_id)
