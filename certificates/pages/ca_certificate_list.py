"""The list of CA certificates."""

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from certificates.models import CACertificate
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.pages.lists import Listing
from namespaces.registry import UploadedCA


def _matches(search: str) -> Q:
    """Match a name, a subject, or the start of a thumbprint in any notation."""
    return (
        Q(name__icontains=search)
        | Q(subject__icontains=search)
        | Q(thumbprint__startswith=thumbprint_digits(search) or search)
    )


CA_CERTIFICATE_LIST = Listing(
    CACertificate,
    {
        "name": ("Certificate name", Lower("name")),
        "subject": ("Subject", Lower("subject")),
        "thumbprint": ("Thumbprint (SHA-256)", F("thumbprint")),
        "valid_from": ("Valid from", F("not_before")),
        "valid_to": ("Valid to", F("not_after")),
    },
    _matches,
    limit_setting="MAX_CA_CERTIFICATES",
)


def uploaded_cas(namespace_pk: int) -> list[UploadedCA]:
    """Return the namespace's CA certificates, for the apps below."""
    rows = CACertificate.objects.present().filter(namespace=namespace_pk)
    return [
        UploadedCA(
            name,
            subject,
            thumbprint,
            not_after,
            reverse("certificates:ca_certificate_detail", args=[namespace_pk, name]),
        )
        for name, subject, thumbprint, not_after in rows.values_list("name", "subject", "thumbprint", "not_after")
    ]
