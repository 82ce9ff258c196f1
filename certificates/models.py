"""CA certificates of a namespace."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from certificates.decoding import Certificate, DecodingError, from_azure_pem, load_certificate, to_azure_pem, to_pem
from namespaces.models import RESOURCE_NAME_PATTERN, Namespace
from sync.models import SyncedModel, SyncedQuerySet


class CACertificate(SyncedModel):
    """A CA certificate that clients of the namespace may be signed by. Stored as DER."""

    arm_type: ClassVar[str] = "caCertificates"

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="ca_certificates")
    name = models.CharField(max_length=50, validators=[RegexValidator(RESOURCE_NAME_PATTERN)])
    description = models.TextField(blank=True, max_length=512)
    der = models.BinaryField()
    # Copies of what queries need, made in one place: set_certificate().
    subject = models.TextField()
    issuer = models.TextField()
    thumbprint = models.CharField(max_length=64, db_index=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    last_used_at = models.DateTimeField(null=True)
    rule_notes: Any = models.JSONField(default=list, blank=True)

    objects = SyncedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "CA certificate"
        constraints = [
            models.UniqueConstraint("namespace", Lower("name"), name="ca_certificate_name_unique_ignoring_case"),
        ]

    def __str__(self) -> str:
        return self.name

    def set_certificate(self, certificate: Certificate) -> None:
        self.der = certificate.der
        self.subject = certificate.subject
        self.issuer = certificate.issuer
        self.thumbprint = certificate.thumbprint_sha256
        self.not_before = certificate.not_before
        self.not_after = certificate.not_after

    @property
    def certificate(self) -> Certificate:
        return load_certificate(bytes(self.der))

    @property
    def pem(self) -> str:
        return to_pem(bytes(self.der))

    def arm_id(self) -> str:
        return f"{self.namespace.resource_id}/caCertificates/{self.name}"

    def scope_pk(self) -> int:
        return self.namespace_id

    def body(self) -> dict[str, Any]:
        return {"description": self.description or None, "encodedCertificate": to_azure_pem(bytes(self.der))}

    def matches(self, resource: Mapping[str, Any]) -> bool:
        properties = resource.get("properties") or {}
        return not self.replaces(resource) and (properties.get("description") or "") == self.description

    def replaces(self, resource: Mapping[str, Any]) -> bool:
        try:
            theirs = from_azure_pem((resource.get("properties") or {}).get("encodedCertificate") or "")
        except DecodingError:
            return True
        return theirs != bytes(self.der)

    def adopt(self, resource: Mapping[str, Any]) -> None:
        properties = resource.get("properties") or {}
        self.name = str(resource.get("name", self.name))
        self.description = properties.get("description") or ""
        self.set_certificate(load_certificate(from_azure_pem(properties.get("encodedCertificate") or "")))
