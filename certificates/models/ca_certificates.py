"""CA certificates of a namespace."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone

from certificates.diagnosis.upload import diagnose_ca_upload
from certificates.possession.verification import CA_KEY
from certificates.x509.reading import (
    Certificate,
    DecodingError,
    from_azure_pem,
    load_certificate,
    to_azure_pem,
    to_pem,
)
from certificates.x509.thumbprints import grouped_thumbprint
from namespaces.models import Client, Namespace, NamespaceResource, Possession
from namespaces.rules.clients import RESOURCE_NAME_PATTERN
from sync.models import Sight, SyncedModel, SyncedQuerySet

WAITS_FOR_PROOF = "proof of possession"  # in a sentence: "Waits for …"


class CACertificateQuerySet(SyncedQuerySet):
    def trusted(self) -> Self:
        """Return the rows that are not being deleted, without those that are not sent to Azure before a proof."""
        proofs = PossessionNonce.objects.filter(
            certificate=OuterRef("pk"), thumbprint=OuterRef("thumbprint"), kind=CA_KEY
        )
        required = Q(namespace__possession=Possession.REQUIRED)
        never_sent = Q(base__isnull=True) & ~Q(generation=F("synced_generation"))
        return self.present().exclude(required & never_sent & ~Exists(proofs))


class CACertificate(NamespaceResource, SyncedModel):
    """A CA certificate that may sign client certificates of the namespace. Stored as DER."""

    arm_type: ClassVar[str] = "caCertificates"
    page_name: ClassVar[str] = "certificates:ca_certificate_detail"
    read_only: ClassVar[frozenset[str]] = frozenset({"provisioningState", "issueTimeInUtc", "expiryTimeInUtc"})
    log_name: ClassVar[str] = "caName"
    is_hideable: ClassVar[bool] = True
    seen_field: ClassVar[str] = "last_used_at"
    field_labels: ClassVar[Mapping[str, str]] = {
        "name": "Certificate name",
        "description": "Description",
        "subject": "Subject",
        "thumbprint": "Thumbprint",
    }
    field_columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "subject": ("der", "subject", "issuer", "thumbprint", "not_before", "not_after", "added_at"),
        "thumbprint": ("der", "subject", "issuer", "thumbprint", "not_before", "not_after", "added_at"),
    }
    unchangeable: ClassVar[frozenset[str]] = frozenset({"thumbprint"})

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="ca_certificates")
    name = models.CharField(max_length=50, validators=[RegexValidator(RESOURCE_NAME_PATTERN)])
    description = models.TextField(blank=True, max_length=512)
    der = models.BinaryField()  # empty only for one in Azure that cannot be read
    # Copies for queries, set only by set_certificate().
    subject = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    thumbprint = models.CharField(max_length=64, blank=True, db_index=True)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True, db_index=True)
    added_at = models.DateTimeField(null=True)  # since when the row holds this certificate; None: not recorded
    last_used_at = models.DateTimeField(null=True)
    rule_notes: Any = models.JSONField(default=list, blank=True)

    objects = CACertificateQuerySet.as_manager()

    shown_badge: tuple[str, str] = ("", "")  # for a list: certificates.pages.possession.note_badges

    class Meta:
        ordering = ["name"]
        verbose_name = "CA certificate"
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="ca_certificate_name_unique_ignoring_case"),
        ]
        indexes = [
            models.Index(
                name="ca_certificate_due", fields=["lane", "due_at"], condition=~Q(generation=F("synced_generation"))
            ),
        ]

    def set_certificate(self, certificate: Certificate) -> None:
        if bytes(self.der) != certificate.der:
            self.added_at = timezone.now()
        self.der = certificate.der
        self.subject = certificate.subject
        self.issuer = certificate.issuer
        self.thumbprint = certificate.thumbprint_sha256
        self.not_before = certificate.not_before
        self.not_after = certificate.not_after

    def forget_certificate(self) -> None:
        """Clear the certificate: Azure holds something under this name that is not one."""
        self.der = b""
        self.subject = self.issuer = self.thumbprint = ""
        self.not_before = self.not_after = None

    @property
    def certificate(self) -> Certificate | None:
        return load_certificate(bytes(self.der)) if self.der else None

    @property
    def pem(self) -> str:
        return to_pem(bytes(self.der)) if self.der else ""

    @classmethod
    def shown(cls, field: str, value: Any) -> tuple[str, ...]:
        lines = super().shown(field, value)
        return tuple(map(grouped_thumbprint, lines)) if field == "thumbprint" else lines

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "subject": self.subject,
            "thumbprint": self.thumbprint,
        }

    @classmethod
    def drift_alarm(cls, fields: Collection[str] | None) -> str:
        if fields is None or "thumbprint" in fields:
            return (
                "This CA certificate was not uploaded through the portal. Clients with a certificate that it signed may "
                "now authenticate."
            )
        return ""

    @property
    def badges(self) -> tuple[str, ...]:
        """Return whose keys were proved to be held, as codes of `certificates.possession`. Another certificate has none."""
        proved = self.nonces.filter(thumbprint=self.thumbprint).exclude(kind="")
        return tuple(sorted(set(proved.values_list("kind", flat=True)))) if self.pk is not None else ()

    @property
    def lacks_proof(self) -> bool:
        """Whether its namespace requires a proof of possession, and there is none for this certificate."""
        is_required = self.namespace.possession == Possession.REQUIRED
        return is_required and bool(self.der) and CA_KEY not in self.badges

    def what_it_waits_for(self) -> str:
        """Hold back a certificate that Azure does not have yet until its key is proved to be held, where that is required."""
        if self.deleted_at is not None or not self.lacks_proof:
            return ""
        return "" if self.base is not None and not self.replaces(self.base) else WAITS_FOR_PROOF

    @property
    def is_held_back(self) -> bool:
        return self.what_it_waits_for() == WAITS_FOR_PROOF

    def why_not_taken(self, taken: SyncedModel) -> str:
        """Refuse another certificate where the namespace requires a proof of possession, which only an upload asks for."""
        assert isinstance(taken, CACertificate)
        is_same = bool(self.der) and bytes(taken.der) == bytes(self.der)
        if is_same or self.namespace.possession != Possession.REQUIRED:
            return ""
        return (
            "This namespace requires a proof of possession for each CA certificate. Upload this certificate under the same "
            "name and prove that you hold its key: it is then taken over as it is in Azure."
        )

    def rule_problems(self) -> list[str]:
        if not self.der:
            return ["What Azure holds under this name cannot be read as a certificate."]
        diagnosis = diagnose_ca_upload([load_certificate(bytes(self.der))], at=timezone.now())
        return [problem.sentence for problem in diagnosis.errors]

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"description": self.description or None}
        if self.der:
            body["encodedCertificate"] = to_azure_pem(bytes(self.der))
        return body

    def matches(self, resource: Mapping[str, Any]) -> bool:
        properties = resource.get("properties") or {}
        return not self.replaces(resource) and (properties.get("description") or "") == self.description

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        theirs = CACertificate()
        theirs.adopt(resource)
        # ARM ids ignore case; a certificate is its DER, however it is written.
        return theirs.name.lower() != self.name.lower() or bytes(theirs.der) != bytes(self.der)

    def adopt(self, resource: Mapping[str, Any]) -> None:
        properties = resource.get("properties") or {}
        self.name = str(resource.get("name", self.name))
        self.description = properties.get("description") or ""
        try:
            self.set_certificate(load_certificate(from_azure_pem(properties.get("encodedCertificate") or "")))
        except DecodingError:
            self.forget_certificate()


def full_at_limit(namespace: Namespace, name: str = "") -> int:
    """Return the number of CA certificates in the namespace if it is full, else 0.

    Certificates being deleted count until Azure confirms; one of the same `name` makes room for its successor.
    """
    rows = CACertificate.objects.filter(namespace=namespace)
    most: int = settings.MAX_CA_CERTIFICATES
    if rows.count() < most or (name and rows.named(name).filter(deleted_at__isnull=False).exists()):
        return 0
    return most


def next_expiries(sight: Sight) -> dict[int, datetime]:
    """Return when the first CA certificate of each namespace expires, of those that are seen, by primary key."""
    rows = CACertificate.visible_to(sight).present().filter(not_after__isnull=False)
    return dict(rows.order_by().values_list("namespace_id").annotate(first=models.Min("not_after")))


class PossessionNonce(models.Model):
    """A nonce that was given to prove possession of a CA certificate's key, and once used, the proof.

    It belongs to one certificate by its thumbprint, so that a proof does not count for another certificate in the same row.
    """

    certificate = models.ForeignKey(CACertificate, on_delete=models.CASCADE, related_name="nonces")
    thumbprint = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=12, blank=True)  # whose key signed it, as certificates.possession has it
    proof_thumbprint = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="nonce_used_with_a_kind",
                condition=Q(used_at__isnull=True, kind="") | Q(used_at__isnull=False) & ~Q(kind=""),
            ),
        ]

    def __str__(self) -> str:
        return self.nonce


class CARollover(models.Model):
    """The replacement of one CA certificate by another one: both are trusted while the clients change.

    What is needed to trust the old one again is copied, because its row is deleted in the end.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="ca_rollovers")
    old = models.ForeignKey(CACertificate, null=True, on_delete=models.SET_NULL, related_name="rollovers")
    successor = models.ForeignKey(CACertificate, null=True, on_delete=models.SET_NULL, related_name="rollovers_to")
    old_key = models.CharField(max_length=64)  # SHA-256 of the public key
    successor_key = models.CharField(max_length=64)
    old_name = models.CharField(max_length=50)
    old_description = models.TextField(blank=True)
    old_team = models.ForeignKey("portal.Team", null=True, on_delete=models.SET_NULL, related_name="+")
    old_der = models.BinaryField()
    quiet_teams: Any = models.JSONField(null=True)  # as namespaces.registry.Succession.teams
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reminded_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_rollover_of_a_ca", fields=["old"], condition=Q(cancelled_at=None, old__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.old_name} → {self.successor}"


class RolloverConfirmation(models.Model):
    """A person knows that a client can connect without the old CA certificate, although no connection shows it."""

    rollover = models.ForeignKey(CARollover, on_delete=models.CASCADE, related_name="confirmations")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    confirmed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_confirmation_per_client", fields=["rollover", "client"])]

    def __str__(self) -> str:
        return f"{self.client}: {self.rollover}"


class ExpiryFeed(models.Model):
    """A person's calendar address for the expiries of one namespace. The secret in it is kept as its hash only."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="expiry_feeds")
    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="expiry_feeds")
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "namespace"], name="one_expiry_feed_per_person")]

    def __str__(self) -> str:
        return f"{self.namespace} for {self.user}"
