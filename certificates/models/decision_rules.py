"""The other rules that Azure does not have: whom a CA certificate vouches for, its revocation list, pinned keys, and what
a namespace asks of each certificate."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from certificates.models.ca_certificates import CACertificate
from namespaces.models import Client, ClientGroup, Namespace
from portal.models import Team


class IssuerBinding(models.Model):
    """A CA certificate vouches only for the clients of these teams, of these client groups, and with these names.

    A CA certificate without a binding vouches for every client. One whose last team or group was deleted vouches for no client: a
    deletion never widens what a CA may do. It counts for the certificate that the CA's row holds, whatever that is.
    """

    ca = models.OneToOneField(CACertificate, on_delete=models.CASCADE, related_name="binding")
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    groups = models.ManyToManyField(ClientGroup, blank=True, related_name="+")
    patterns: Any = models.JSONField(default=list, blank=True)  # of client authentication names
    edition = models.PositiveBigIntegerField(default=1)  # counts its changes, so that none overwrites another unseen
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"{self.ca}: whom it vouches for"


class PinnedKey(models.Model):
    """A client counts only with a certificate below a CA certificate that has this public key. One client can have several."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="pinned_keys")
    spki_sha256 = models.CharField(max_length=64)  # of the CA's public key, as public_key_hash returns it
    ca_name = models.CharField(max_length=50, blank=True)  # of the CA certificate that had the key when it was pinned
    subject = models.TextField(blank=True)
    pinned_at = models.DateTimeField()
    pinned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(name="pinned_once", fields=["client", "spki_sha256"])]
        indexes = [models.Index(name="pinned_by_key", fields=["spki_sha256"])]

    def __str__(self) -> str:
        return f"{self.client}: {self.ca_name or self.spki_sha256}"


class RevocationList(models.Model):
    """The newest certificate revocation list (RFC 5280) of one CA certificate.

    `signer_key` is the hash of the public key that signed it. Where the row of the CA holds a certificate with another key by now,
    the list no longer counts. `url`: where an operator allows its host, the list is fetched from there.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="revocation_lists")
    ca = models.OneToOneField(CACertificate, on_delete=models.CASCADE, related_name="revocation_list")
    der = models.BinaryField()  # empty until the first list came from `url`
    signer_key = models.CharField(max_length=64, blank=True)
    number = models.CharField(max_length=50, blank=True)  # in decimal, at most 20 bytes; "" where the list has none
    this_update = models.DateTimeField(null=True)
    next_update = models.DateTimeField(null=True)
    entries = models.PositiveIntegerField(default=0)
    added_at = models.DateTimeField(null=True)  # since when this list counts
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    url = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(
        null=True
    )  # the last request to `url`; None while one that a person wants has not ended
    due_at = models.DateTimeField(null=True)  # the next one
    failed_code = models.CharField(max_length=40, blank=True)  # of the last request, "" where it succeeded
    failed_sentence = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)  # requests that failed since the last one that succeeded

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(name="revocation_list_due", fields=["due_at"], condition=~Q(url=""))]

    def __str__(self) -> str:
        return f"Revocation list of {self.ca}"

    @property
    def is_being_fetched(self) -> bool:
        """Return whether a request that a person wants has not ended yet."""
        return bool(self.url) and self.asked_at is None and self.due_at is not None


class StaleList(models.TextChoices):
    """What happens to clients below a CA whose revocation list is past its next update."""

    KEEP = "keep", "Keep the last list, and warn"
    REFUSE = "refuse", "Refuse every client below that CA"


class DecisionRules(models.Model):
    """What a namespace asks of every certificate. 0 and an empty list ask nothing."""

    namespace = models.OneToOneField(Namespace, on_delete=models.CASCADE, related_name="decision_rules")
    windows: Any = models.JSONField(default=list, blank=True)
    max_age_days = models.PositiveIntegerField(default=0)
    min_rsa_bits = models.PositiveIntegerField(default=0)
    min_ec_bits = models.PositiveIntegerField(default=0)
    stale_list = models.CharField(max_length=6, choices=StaleList, default=StaleList.KEEP)
    edition = models.PositiveBigIntegerField(default=1)  # counts its changes, so that none overwrites another unseen

    class Meta:
        constraints = [
            models.CheckConstraint(name="stale_list_known", condition=Q(stale_list__in=["keep", "refuse"])),
        ]

    def __str__(self) -> str:
        return f"Rules of {self.namespace}"
