"""What clients showed and did at the endpoint: their certificates, and their attempts to connect."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from namespaces.models.core import Client, Namespace
from sync.models import Sight, same_name

MOST_AHEAD = 20 * 365 * 86_400  # seconds that an endpoint may judge ahead of the clock


def _client_named(column: str) -> Any:
    """Return the clients, those being deleted too, whose name a record has in this column."""
    in_record = Client.objects.annotate(lower=Lower("name")).filter(lower=Lower(OuterRef(column)))
    return in_record.filter(namespace=OuterRef("namespace"))


class ClientCertificateQuerySet(models.QuerySet["ClientCertificate"]):
    def visible_to(self, sight: Sight) -> "ClientCertificateQuerySet":
        """Certificates that this person may see: where something is hidden, those of clients that they see."""
        rows = self.filter(sight.condition("namespace", is_hideable=False))
        return rows.filter(_unless_hidden(sight, Q(Exists(_client_named("client_name").visible_to(sight)))))

    def last_uses(self, client: Client) -> dict[str, datetime]:
        """Return when an accepted connection of this client last used each of its thumbprints; unused ones are left out."""
        own = self.filter(namespace=client.namespace_id, has_connected=True).filter(
            same_name("client_name", client.name)
        )
        return dict(own.filter(thumbprint__in=client.thumbprints).values_list("thumbprint", "seen_at"))


class ConnectionAttemptQuerySet(models.QuerySet["ConnectionAttempt"]):
    def visible_to(self, sight: Sight) -> "ConnectionAttemptQuerySet":
        """Attempts that this person may see.

        Where something is hidden, those of clients that they see, and those of devices that are no one's: they name no client,
        and neither user name nor certificate is one of a hidden client.
        """
        rows = self.filter(sight.condition("namespace", is_hideable=False))
        if not sight.is_partial:
            return rows
        by_name = Q(authentication_key=Lower(OuterRef("user_name"))) | Q(authentication_name=OuterRef("user_name"))
        called_so = Client.objects.filter(by_name, namespace=OuterRef("namespace"))
        showing = ClientCertificate.objects.filter(namespace=OuterRef("namespace"), thumbprint=OuterRef("thumbprint"))
        of_hidden = Exists(called_so.exclude(sight.condition("namespace_id", is_hideable=True)))
        hidden_certificate = Exists(showing.exclude(Exists(_client_named("client_name").visible_to(sight))))
        of_no_one = Q(client_name="") & ~of_hidden & ~hidden_certificate
        return rows.filter(
            _unless_hidden(sight, Q(Exists(_client_named("client_name").visible_to(sight))) | Q(of_no_one))
        )


def _unless_hidden(sight: Sight, seen: Q) -> Q:
    """Return `seen` where something is hidden, and no condition elsewhere."""
    if sight.partly is None or sight.everywhere:
        return Q()
    return ~Q(namespace__in=sight.partly) | seen


class ClientCertificate(models.Model):
    """A certificate that a registered client presented, on an accepted connection or in an authentication test.

    The newest one counts. Only certificates are kept, never keys: any server that the client connects to sees them.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="client_certificates")
    client_name = models.CharField(max_length=128)
    thumbprint = models.CharField(max_length=64)
    der = models.BinaryField()
    chain: Any = models.JSONField(default=list)  # what was sent with it, as PEM without line breaks
    subject = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    serial = models.CharField(max_length=64, blank=True, default="")  # serial_digits of the certificate
    path = models.CharField(
        max_length=200, blank=True, default=""
    )  # marks of the issuers of it and of what was sent with it
    not_after = models.DateTimeField(db_index=True)
    chain_expires_at = models.DateTimeField(null=True)  # the first of the intermediates above it that were sent with it
    seen_at = models.DateTimeField()
    has_connected = models.BooleanField(default=False)  # else it was only tested

    objects = ClientCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["not_after"]
        constraints = [models.UniqueConstraint(fields=["namespace", "thumbprint"], name="one_row_per_thumbprint")]
        indexes = [models.Index(name="certificates_of_client", fields=["namespace", "client_name"])]

    def __str__(self) -> str:
        return f"{self.client_name}: {self.subject}"


class ConnectionAttempt(models.Model):
    """One attempt of an MQTT client to connect, from the endpoint's connection log."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="connection_attempts")
    cursor = models.BigIntegerField()
    at = models.DateTimeField()
    accepted = models.BooleanField()
    code = models.CharField(max_length=60)
    reason = models.TextField()
    client_name = models.CharField(max_length=128, blank=True)
    user_name = models.CharField(max_length=256, blank=True)
    session_name = models.CharField(max_length=256, blank=True)
    protocol = models.CharField(max_length=12, blank=True)
    subject = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    thumbprint = models.CharField(max_length=64, blank=True)
    ca_name = models.CharField(max_length=50, blank=True)
    caller = models.CharField(max_length=60, blank=True)
    record: Any = models.JSONField()  # the whole record, decision and presented chain included
    # Of the request about this CONNECT where this portal decided: the broker's own record of it has the same, and is joined.
    request_id = models.CharField(max_length=64, blank=True, default="")

    objects = ConnectionAttemptQuerySet.as_manager()

    shown: Any = (
        None  # its certificates while it is recorded, where they were read already: namespaces.connections.log_import
    )

    class Meta:
        ordering = ["-cursor"]
        constraints = [models.UniqueConstraint(fields=["namespace", "cursor"], name="one_row_per_attempt")]
        indexes = [
            models.Index(fields=["namespace", "at"], name="attempts_by_time"),
            models.Index(fields=["namespace", "request_id"], name="attempts_by_request", condition=~Q(request_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.client_name or self.user_name}"

    @property
    def judged_at(self) -> datetime:
        """The moment at which the certificate was judged: ahead of the clock where the endpoint says so."""
        ahead = self.record.get("judgedAheadSeconds")
        return self.at + timedelta(seconds=ahead) if isinstance(ahead, int) and 0 < ahead < MOST_AHEAD else self.at


class RefusedOperationQuerySet(models.QuerySet["RefusedOperation"]):
    def visible_to(self, sight: Sight) -> "RefusedOperationQuerySet":
        """What this person may see: where something is hidden, that of clients that they see, and of callers over HTTP."""
        rows = self.filter(sight.condition("namespace", is_hideable=False))
        of_seen = Q(Exists(_client_named("client_name").visible_to(sight)))
        return rows.filter(_unless_hidden(sight, of_seen | Q(client_name="")))


class RefusedOperation(models.Model):
    """A publish or subscribe that the endpoint denied, from its connection log: each reason once for a connection."""

    class Operation(models.TextChoices):
        PUBLISH = "publish", "Publish"
        SUBSCRIBE = "subscribe", "Subscribe"

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="refused_operations")
    cursor = models.BigIntegerField()
    at = models.DateTimeField()
    operation = models.CharField(max_length=9, choices=Operation)
    reason = models.TextField()
    client_name = models.CharField(max_length=128, blank=True)
    session_name = models.CharField(max_length=256, blank=True)
    protocol = models.CharField(max_length=12, blank=True)

    objects = RefusedOperationQuerySet.as_manager()

    class Meta:
        ordering = ["-cursor"]
        constraints = [models.UniqueConstraint(fields=["namespace", "cursor"], name="one_row_per_refused_operation")]
        indexes = [models.Index(fields=["namespace", "at"], name="refused_operations_by_time")]

    def __str__(self) -> str:
        return f"{self.at} {self.operation} {self.client_name}"
