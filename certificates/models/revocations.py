"""Certificates that were revoked by hand."""

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from certificates.models.ca_certificates import CACertificate
from certificates.x509.certificate import Certificate
from certificates.x509.serial_numbers import serial_digits
from namespaces.models import Client, Namespace
from sync.models import Sight


class RevocationReason(models.TextChoices):
    """Why a certificate is revoked, as RFC 5280 section 5.3.1 names it. A person cannot choose `removeFromCRL`."""

    UNSPECIFIED = "unspecified", "No reason given"
    KEY_COMPROMISE = "keyCompromise", "Key compromise"
    CA_COMPROMISE = "cACompromise", "CA compromise"
    AFFILIATION_CHANGED = "affiliationChanged", "Affiliation changed"
    SUPERSEDED = "superseded", "Superseded by another certificate"
    CESSATION = "cessationOfOperation", "No longer in operation"
    HOLD = "certificateHold", "On hold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn", "Privilege withdrawn"


class RevokedCertificateQuerySet(models.QuerySet["RevokedCertificate"]):
    def in_force(self) -> "RevokedCertificateQuerySet":
        """Those that were not released."""
        return self.filter(released_at=None)

    def visible_to(self, sight: Sight) -> "RevokedCertificateQuerySet":
        """Revoked certificates that this person may see.

        Where something is hidden: those of clients and CA certificates that they see, and of what exists no longer, those
        that belonged to a team of theirs or to none.
        """
        rows = self.filter(sight.condition("namespace", is_hideable=False))
        if sight.partly is None or sight.everywhere:
            return rows
        named = Client.objects.annotate(lower=Lower("name"))
        named = named.filter(lower=Lower(OuterRef("client_name")), namespace=OuterRef("namespace"))
        same = CACertificate.objects.filter(namespace=OuterRef("namespace"), thumbprint=OuterRef("thumbprint"))
        same = same.exclude(thumbprint="")
        was_theirs = Q(team=None) | Q(team__in=sight.teams)
        if sight.creator is not None:
            was_theirs &= Q(revoked_by=sight.creator)
        seen = Exists(named.visible_to(sight)) | Exists(same.visible_to(sight))
        return rows.filter(~Q(namespace__in=sight.partly) | seen | (was_theirs & ~Exists(named) & ~Exists(same)))


class RevokedCertificate(models.Model):
    """A certificate that counts no longer in one namespace, of a client or of a CA, until it is released.

    It is recognized by its issuer and `serial`, as `serial_digits` writes it; and by its thumbprint. The thumbprint alone would not
    do: a signature can be written in more than one way. `issuer_key` is the hash of the issuer's public key, "" where it is unknown.
    `thumbprint` is "" for a certificate that the portal has never seen, of which issuer and serial number were entered.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="revoked_certificates")
    issuer = models.TextField(blank=True)
    issuer_key = models.CharField(max_length=64, blank=True)
    serial = models.CharField(max_length=64)
    thumbprint = models.CharField(max_length=64)
    subject = models.TextField(blank=True)
    is_ca = models.BooleanField(default=False)  # it signs others: everything below it is refused too
    not_after = models.DateTimeField(null=True)
    client_name = models.CharField(max_length=128, blank=True)  # of the client that showed it, "" for none
    # Whose it was when it was revoked.
    team = models.ForeignKey("portal.Team", null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=24, choices=RevocationReason, default=RevocationReason.UNSPECIFIED)
    note = models.CharField(max_length=500, blank=True)
    revoked_at = models.DateTimeField()
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = RevokedCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-revoked_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="revoked_once",
                fields=["namespace", "thumbprint"],
                condition=Q(released_at=None) & ~Q(thumbprint=""),
            ),
            models.UniqueConstraint(
                name="revoked_serial_once",
                fields=["namespace", "issuer_key", "serial"],
                condition=Q(released_at=None, thumbprint=""),
            ),
        ]
        indexes = [
            models.Index(name="revoked_in_force", fields=["namespace", "released_at", "revoked_at"]),
            models.Index(name="revoked_of_client", fields=["namespace", "client_name"]),
        ]

    def __str__(self) -> str:
        return self.subject or f"Certificate {self.serial}"

    def set_certificate(self, certificate: Certificate) -> None:
        self.issuer = certificate.issuer
        self.serial, self.thumbprint = serial_digits(certificate.serial_number), certificate.thumbprint_sha256
        self.subject, self.is_ca, self.not_after = certificate.subject, certificate.is_ca, certificate.not_after
