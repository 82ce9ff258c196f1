"""The namespace, its roles and clients, and the connection log imported from the endpoint."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from certificates.authentication.engine import VALIDATION_SCHEMES, authentication_name_key
from certificates.x509.thumbprints import grouped_thumbprint, thumbprint_digits
from namespaces.models.configuration import NamespaceConfiguration
from namespaces.models.resource import NamespaceResource
from namespaces.rules.clients import CLIENT_NAME_PATTERN, SHORT_SCHEMES, STATES, client_problems
from namespaces.rules.enumerated import as_spelt
from sync.models import Obstacle, Sight, SyncedModel, SyncedQuerySet, former_holder


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    CONTRIBUTOR = "contributor", "Contributor"
    CERTIFICATE_UPLOADER = "certificate_uploader", "Certificate uploader"
    CLIENT_MANAGER = "client_manager", "Client manager"
    READER = "reader", "Reader"


class Possession(models.TextChoices):
    """What a namespace asks of people who upload CA certificates: to prove that they hold the private key."""

    OFF = "off", "Off"
    ASKED = "asked", "Asked"
    REQUIRED = "required", "Required"


class Namespace(models.Model):
    """An Event Grid namespace connected to the portal. It lives in Azure; disconnecting never deletes it there."""

    class Import(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Importing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    resource_id = models.CharField(max_length=400)  # canonical, as ARM returned it
    resource_key = models.CharField(max_length=400, unique=True)  # lower case: ARM ids ignore case
    name = models.CharField(max_length=50)
    location = models.CharField(max_length=60, blank=True)
    hostname = models.CharField(max_length=255, blank=True)
    resource: Any = models.JSONField(null=True, blank=True)  # the namespace as last read
    connected_at = models.DateTimeField()
    connected_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    import_state = models.CharField(max_length=8, choices=Import, default=Import.WAITING)
    import_done = models.PositiveIntegerField(default=0)
    import_total = models.PositiveIntegerField(null=True)
    import_message = models.TextField(blank=True)
    import_touched_at = models.DateTimeField(null=True)  # a running import that stopped touching this has died
    unreachable_since = models.DateTimeField(null=True)
    unreachable_reason = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    connection_cursor = models.BigIntegerField(default=0)
    connections_read_at = models.DateTimeField(null=True)
    connections_error = models.TextField(blank=True)
    clients_connected = models.PositiveIntegerField(null=True)  # at connections_read_at; None where it is not known
    roles_edition = models.PositiveBigIntegerField(default=0)  # counts the changes of its role assignments

    # How far ahead of the clock its certificates are judged, for training in an emulator, which has the same: `judged_at`.
    judged_ahead = models.DurationField(default=timedelta)

    hides_other_teams = models.BooleanField(default=False)  # CA certificates and clients of other teams are not seen
    # Whether who uploads a CA certificate has to prove that they hold its private key.
    possession = models.CharField(max_length=8, choices=Possession, default=Possession.OFF)

    rights: Any = None  # of the person whose request reads it: namespaces.access.get_namespace

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="namespace_never_judged_behind", condition=Q(judged_ahead__gte=timedelta())),
        ]

    def __str__(self) -> str:
        return self.name

    def judged_at(self, now: datetime) -> datetime:
        """Return the moment at which certificates in this namespace are judged. Whatever judges one here asks this."""
        return now + self.judged_ahead

    @property
    def sight(self) -> Sight:
        """Return what the person whose request read the namespace sees in it."""
        if self.rights is None:
            raise LookupError("Read the namespace through namespaces.access: what is shown depends on who asks.")
        found: Sight = self.rights.sight(self.pk)
        return found

    @property
    def alternative_sources(self) -> tuple[str, ...]:
        """Where the endpoint looks for an authentication name when no MQTT user name is sent, in this order."""
        configuration = NamespaceConfiguration.objects.filter(namespace=self.pk).first()
        return tuple(configuration.sources) if configuration is not None else ()

    def adopt(self, resource: Mapping[str, Any]) -> None:
        """Copy ARM's resource into this row. The caller saves it."""
        properties = resource.get("properties") or {}
        self.resource_id = str(resource["id"])
        self.name = str(resource["name"])
        self.location = str(resource.get("location") or "")
        self.hostname = str((properties.get("topicSpacesConfiguration") or {}).get("hostname") or "")
        self.resource = dict(resource)


class NamespaceRole(models.Model):
    """A person or a team, and one role in one namespace. Only the roles that manage one type are held side by side."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="namespace_roles"
    )
    team = models.ForeignKey("portal.Team", null=True, on_delete=models.CASCADE, related_name="namespace_roles")
    role = models.CharField(max_length=24, choices=Role)
    since = models.DateTimeField(null=True)  # since when the holder has a role here; None: not recorded

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="role_of_one_user_or_one_team",
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
            ),
            models.UniqueConstraint(name="role_once_per_user", fields=["namespace", "user", "role"]),
            models.UniqueConstraint(name="role_once_per_team", fields=["namespace", "team", "role"]),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.team}: {self.role}"

    @property
    def holder_name(self) -> str:
        """Return the holder's name; for people with a display name, with the user name."""
        if self.user is None:
            return f"team {self.team}"
        shown = self.user.display_name
        return shown if shown == self.user.username else f"{shown} ({self.user.username})"


_SCHEME_LABELS = {scheme.value: scheme.label for scheme in VALIDATION_SCHEMES}


def seen_order() -> models.Func:
    """Return what clients are ordered by when they were last seen; those never seen as if long ago. An index holds it.

    The literals are in the text: a database compares it with the expression of the index.
    """
    text = "COALESCE(%(expressions)s, '1970-01-01')"
    return models.Func(F("last_seen_at"), template=text, output_field=models.DateTimeField())


def issuer_order() -> models.Func:
    """Return what clients are ordered by issuer with: the start of its name, which every index takes. An index holds it."""
    return models.Func(
        F("certificate_issuer"), template="SUBSTR(LOWER(%(expressions)s), 1, 80)", output_field=models.TextField()
    )


class Client(NamespaceResource, SyncedModel):
    """An MQTT client that may connect to the namespace."""

    arm_type: ClassVar[str] = "clients"
    page_name: ClassVar[str] = "namespaces:client_detail"
    merged: ClassVar[frozenset[str]] = frozenset({"clientCertificateAuthentication"})
    log_name: ClassVar[str] = "clientName"
    is_hideable: ClassVar[bool] = True
    seen_field: ClassVar[str] = "last_seen_at"
    field_labels: ClassVar[Mapping[str, str]] = {
        "name": "Client name",
        "authentication_name": "Client authentication name",
        "validation_scheme": "Validation scheme",
        "thumbprints": "Thumbprints",
        "state": "Connection state",
        "description": "Description",
        "attributes": "Attributes",
    }
    field_columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "authentication_name": ("authentication_name", "authentication_key")
    }
    unchangeable: ClassVar[frozenset[str]] = frozenset({"authentication_name"})

    class ConnectionState(models.TextChoices):
        ENABLED = "Enabled"
        DISABLED = "Disabled"

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="clients")
    name = models.CharField(max_length=128, validators=[RegexValidator(CLIENT_NAME_PATTERN)])
    authentication_name = models.CharField(max_length=128)
    # authentication_name_key(authentication_name)
    authentication_key = models.CharField(max_length=512, editable=False)
    validation_scheme = models.CharField(max_length=40, choices=list(_SCHEME_LABELS.items()))
    thumbprints: Any = models.JSONField(default=list, blank=True)  # 0–2 × 64 lower-case hex
    state = models.CharField(max_length=8, choices=ConnectionState, default=ConnectionState.ENABLED)
    description = models.TextField(blank=True, max_length=512)
    attributes: Any = models.JSONField(default=dict, blank=True)
    last_seen_at = models.DateTimeField(null=True)
    # Of its latest known certificate, set only by namespaces.connections.client_certificates; empty while none is known.
    certificate_thumbprint = models.CharField(max_length=64, blank=True, default="")
    certificate_issuer = models.TextField(blank=True, default="")
    certificate_path = models.CharField(max_length=200, blank=True, default="")  # as ClientCertificate.path
    certificate_subject = models.TextField(blank=True, default="")
    certificate_serial = models.CharField(max_length=64, blank=True, default="")  # serial_digits of the certificate
    certificate_expires_at = models.DateTimeField(null=True)
    chain_expires_at = models.DateTimeField(null=True)  # as ClientCertificate.chain_expires_at
    # Of its last connection that a CA certificate vouched for, as hashes of public keys; set only by
    # namespaces.connections.issuers. `expected_key` is the issuer that needs no alarm.
    issuer_key = models.CharField(max_length=64, blank=True, default="")
    anchor_key = models.CharField(max_length=64, blank=True, default="")
    expected_key = models.CharField(max_length=64, blank=True, default="")
    # While its certificate is being renewed: the thumbprint that was added last, and when.
    renewed_to = models.CharField(max_length=64, blank=True, default="")
    renewal_began_at = models.DateTimeField(null=True)
    rule_notes: Any = models.JSONField(default=list, blank=True)  # what our rules would reject in what Azure holds

    objects = SyncedQuerySet.as_manager()

    issuing_ca: Any = None  # for a list: namespaces.pages.client_list.note_issuers
    issuer_state: str = ""

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="client_name_unique_ignoring_case"),
            models.UniqueConstraint(
                fields=["namespace", "authentication_key"], name="authentication_name_unique_ignoring_case"
            ),
            models.CheckConstraint(name="client_name_is_no_path_step", condition=~Q(name__in=[".", "..", ""])),
            models.CheckConstraint(
                name="client_scheme_known", condition=Q(validation_scheme__in=[s.value for s in VALIDATION_SCHEMES])
            ),
            models.CheckConstraint(name="client_state_known", condition=Q(state__in=["Enabled", "Disabled"])),
        ]
        indexes = [
            models.Index(name="client_due", fields=["lane", "due_at"], condition=~Q(generation=F("synced_generation"))),
            models.Index(name="client_by_expiry", fields=["namespace", "certificate_expires_at", "id"]),
            models.Index(name="client_by_issuer", fields=["namespace", "certificate_path"]),
            models.Index("namespace", issuer_order(), "id", name="client_by_issuer_name"),
            models.Index("namespace", seen_order(), "id", name="client_by_last_seen"),
            # A list narrowed to one value of these, in the order of the names; and sorted by these, then by the names.
            models.Index("namespace", "state", Lower("name"), "id", name="client_by_state"),
            models.Index("namespace", "validation_scheme", Lower("name"), "id", name="client_by_scheme"),
            models.Index("namespace", "team", Lower("name"), "id", name="client_by_team"),
            models.Index(name="client_by_certificate", fields=["namespace", "certificate_thumbprint"]),
            models.Index(name="client_by_serial", fields=["namespace", "certificate_serial"]),
            models.Index(name="client_by_issuer_key", fields=["namespace", "issuer_key"]),
            models.Index(name="client_by_anchor_key", fields=["namespace", "anchor_key"]),
            # Counts those that a CA certificate could authenticate as, without reading a row.
            models.Index(
                name="client_by_reach",
                fields=["namespace", "deleted_at", "validation_scheme", "team", "state", "authentication_key"],
            ),
        ]

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "authentication_name": self.authentication_name,
            "validation_scheme": self.validation_scheme,
            "thumbprints": list(self.thumbprints),
            "state": str(self.state),
            "description": self.description,
            "attributes": self.attributes,
        }

    @classmethod
    def shown(cls, field: str, value: Any) -> tuple[str, ...]:
        if field == "validation_scheme":
            return tuple(_SCHEME_LABELS.get(text, text) for text in super().shown(field, value))
        if field == "thumbprints":
            return tuple(grouped_thumbprint(text) for text in super().shown(field, value))
        return super().shown(field, value)

    @property
    def short_scheme(self) -> str:
        return SHORT_SCHEMES.get(self.validation_scheme, self.validation_scheme)

    def rule_problems(self) -> list[str]:
        return client_problems(
            name=self.name,
            authentication_name=self.authentication_name,
            validation_scheme=self.validation_scheme,
            thumbprints=self.thumbprints,
            attributes=self.attributes,
            description=self.description,
        )

    def set_authentication_name(self, name: str) -> None:
        self.authentication_name = name
        self.authentication_key = authentication_name_key(name)

    def what_refusal_waits_for(self, asked_at: datetime) -> Obstacle | None:
        """Find another client that may still hold the authentication name in Azure, although it gave it up here.

        Or that held it when Azure was asked (at `asked_at`, UTC) and has let go of it since: then the answer is out of date.
        """
        name = self.authentication_name
        others = Client.objects.filter(namespace=self.namespace_id, parked_code="").exclude(pk=self.pk)
        holder = others.unsettled().filter(base__properties__authenticationName__iexact=name).first()
        if holder is not None:
            return _giving_up(self, holder.name, waits_too=bool(holder.waits_for))
        former = former_holder(
            others,
            scope=self.namespace_id,
            field="authentication_name",
            value=name,
            since=asked_at,
            besides=self.pk,
        )
        return _giving_up(self, former, waits_too=False) if former else None

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is not None and "state" in fields:
            return "Connection state was changed in Azure. Check whether this client should be enabled."
        return ""

    def body(self) -> dict[str, Any]:
        return {
            "authenticationName": self.authentication_name,
            "clientCertificateAuthentication": {
                "validationScheme": self.validation_scheme,
                "allowedThumbprints": list(self.thumbprints) or None,
            },
            "state": str(self.state),
            "attributes": dict(self.attributes),
            "description": self.description or None,
        }

    def matches(self, resource: Mapping[str, Any]) -> bool:
        theirs = Client()
        theirs.adopt(resource)
        return theirs.describe() | {"name": self.name} == self.describe() and _same_name(theirs.name, self.name)

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        theirs = Client()
        theirs.adopt(resource)
        return theirs.authentication_name != self.authentication_name or not _same_name(theirs.name, self.name)

    def is_urgent(self) -> bool:
        takes_access_away = self.base is not None and self.state == self.ConnectionState.DISABLED
        return takes_access_away or super().is_urgent()

    def adopt(self, resource: Mapping[str, Any]) -> None:
        properties = resource.get("properties") or {}
        authentication = properties.get("clientCertificateAuthentication") or {}
        self.name = str(resource.get("name", self.name))
        self.set_authentication_name(properties.get("authenticationName") or self.name)
        self.thumbprints = [thumbprint_digits(text) for text in authentication.get("allowedThumbprints") or []]
        # Microsoft's quickstart sends thumbprints without a scheme.
        default = "ThumbprintMatch" if self.thumbprints else "SubjectMatchesAuthenticationName"
        self.validation_scheme = as_spelt(authentication.get("validationScheme") or default, _SCHEME_LABELS)
        self.state = as_spelt(properties.get("state") or "Enabled", STATES)
        self.attributes = properties.get("attributes") or {}
        self.description = properties.get("description") or ""


def _giving_up(row: Client, holder: str, *, waits_too: bool) -> Obstacle:
    """Say whom the row waits for. The words are shown to its team, so another team's client has no name where those are hidden."""
    called = f"client “{holder}”"
    if row.namespace.hides_other_teams:
        team = Client.objects.filter(namespace=row.namespace_id, name=holder).values_list("team", flat=True).first()
        called = called if team is None or team == row.team_id else "a client of another team"
    return Obstacle(f"{called} to give up the authentication name “{row.authentication_name}”", waits_too)


def _same_name(theirs: str, ours: str) -> bool:
    return theirs.lower() == ours.lower()  # ARM ids ignore case
