"""Registration on first contact: the template of a CA certificate, what it registered, the devices that wait, and blocked names."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from certificates.authentication.types import ALTERNATIVE_SOURCES
from certificates.models.ca_certificates import CACertificate
from namespaces.models import Client, Namespace
from portal.models import Team
from sync.models import Sight


class FirstContact(models.TextChoices):
    """What happens to a device with a certificate of a CA and no client."""

    OFF = "off", "Refuse it, as Azure does"
    QUEUE = "queue", "Refuse it, and list it under Waiting devices"
    REGISTER = "register", "Register it at once, and let it in"


class RegistrationTemplate(models.Model):
    """How devices are registered that come with a certificate of one CA and have no client.

    `source`: the part of the certificate that has to hold the name, a key of ALTERNATIVE_SOURCES. `validation_scheme`: the scheme
    that reads the same part, or Thumbprint Match. `changed_by`: devices are registered in the name of this person, with the rights
    that the person has at that moment. A team that is deleted takes its templates with it: a deletion never widens anything.
    """

    ca = models.OneToOneField(CACertificate, on_delete=models.CASCADE, related_name="registration_template")
    mode = models.CharField(max_length=8, choices=FirstContact, default=FirstContact.OFF)
    source = models.CharField(max_length=40, default="ClientCertificateSubject")
    validation_scheme = models.CharField(max_length=40, default="SubjectMatchesAuthenticationName")
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="+")
    attributes: Any = models.JSONField(default=dict, blank=True)
    patterns: Any = models.JSONField(default=list, blank=True)  # of authentication names; none: every name
    per_minute = models.PositiveIntegerField(default=10)
    per_hour = models.PositiveIntegerField(default=100)
    cap = models.PositiveIntegerField(default=100)  # of registrations in all
    edition = models.PositiveBigIntegerField(default=1)  # counts its changes, so that none overwrites another unseen
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(name="first_contact_known", condition=Q(mode__in=FirstContact.values)),
            models.CheckConstraint(name="name_source_known", condition=Q(source__in=list(ALTERNATIVE_SOURCES))),
        ]

    def __str__(self) -> str:
        return f"{self.ca}: first contact"


class RegisteredDevice(models.Model):
    """One registration on first contact. The limits of a template count these rows, whatever became of the clients.

    `registered_by`: the person who registered a waiting device; None where the template did.
    """

    ca = models.ForeignKey(CACertificate, on_delete=models.CASCADE, related_name="registered_devices")
    client_name = models.CharField(max_length=128)
    thumbprint = models.CharField(max_length=64)
    at = models.DateTimeField()
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(name="registered_by_time", fields=["ca", "registered_by", "at"])]

    def __str__(self) -> str:
        return f"{self.client_name} by {self.ca}"


class OfTeamQuerySet(models.QuerySet[Any]):
    """Rows with a namespace, a team, and no creator."""

    def visible_to(self, sight: Sight) -> Self:
        """Rows that this person may see: where other teams are hidden, those of their teams and of none."""
        rows = self.filter(sight.condition("namespace", is_hideable=False))
        if sight.partly is None or sight.everywhere:
            return rows
        return rows.filter(~Q(namespace__in=sight.partly) | Q(team=None) | Q(team__in=sight.teams))


class WaitingDeviceQuerySet(OfTeamQuerySet):
    def without_client(self) -> Self:
        """Those whose name no client has by now."""
        again = Client.objects.present().filter(
            namespace=OuterRef("namespace"), authentication_key=OuterRef("authentication_key")
        )
        return self.filter(~Exists(again))


class Held(models.TextChoices):
    """Why a device waits for a person."""

    QUEUE = "queue", "Its CA lists devices first"
    CAP = "cap", "Its CA has registered as many as it may"
    APPROVAL = "approval", "A new client needs approval"
    REFUSED = "refused", "It could not be registered"


class WaitingDevice(models.Model):
    """A device that came with a valid certificate and no client, and waits for a person to register it.

    `chain`: what was sent with the certificate, as PEM without line breaks. `team`: that of the template.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="waiting_devices")
    ca = models.ForeignKey(CACertificate, on_delete=models.CASCADE, related_name="waiting_devices")
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    authentication_name = models.CharField(max_length=128)
    authentication_key = models.CharField(max_length=512)  # as `Client.authentication_key`
    user_name = models.CharField(max_length=128, blank=True)
    thumbprint = models.CharField(max_length=64)
    der = models.BinaryField()
    chain: Any = models.JSONField(default=list)
    subject = models.TextField(blank=True)
    not_after = models.DateTimeField(null=True)
    held = models.CharField(max_length=8, choices=Held, default=Held.QUEUE)
    why = models.TextField(blank=True)  # one sentence; "" where `held` says enough
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    objects = WaitingDeviceQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="waits_once", fields=["namespace", "authentication_key", "thumbprint"]),
            models.CheckConstraint(name="held_known", condition=Q(held__in=Held.values)),
        ]
        indexes = [models.Index(name="waiting_by_time", fields=["namespace", "last_seen_at"])]

    def __str__(self) -> str:
        return self.authentication_name


class BlockReason(models.TextChoices):
    """Why a name or a certificate is not registered on first contact."""

    DELETED = "deleted", "Its client was deleted"
    RENAMED = "renamed", "Its client got another authentication name"
    DISMISSED = "dismissed", "Dismissed by a person"


class BlockedNameQuerySet(OfTeamQuerySet):
    def names(self) -> Self:
        """The names, without their certificates, and without those that a client has again."""
        again = Client.objects.present().filter(
            namespace=OuterRef("namespace"), authentication_key=OuterRef("authentication_key")
        )
        return self.filter(~Exists(again), thumbprint="")


class BlockedName(models.Model):
    """A name that is not registered on first contact until a person releases it; with `thumbprint`, a certificate of its client.

    Written when a client is deleted or renamed, in every namespace, and when a person dismisses a waiting device. Names and
    certificates of disabled clients need no row: their clients are there.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="blocked_names")
    authentication_name = models.CharField(max_length=128)
    authentication_key = models.CharField(max_length=512)  # as `Client.authentication_key`
    thumbprint = models.CharField(max_length=64, blank=True)
    client_name = models.CharField(max_length=128, blank=True)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=9, choices=BlockReason)
    at = models.DateTimeField()

    objects = BlockedNameQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="blocked_once", fields=["namespace", "authentication_key", "thumbprint"]),
            models.CheckConstraint(name="block_reason_known", condition=Q(reason__in=BlockReason.values)),
        ]
        indexes = [
            models.Index(name="blocked_certificates", fields=["namespace", "thumbprint"], condition=~Q(thumbprint="")),
            models.Index(name="blocked_by_time", fields=["namespace", "at"], condition=Q(thumbprint="")),
        ]

    def __str__(self) -> str:
        return self.authentication_name
