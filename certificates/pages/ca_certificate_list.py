"""The list of CA certificates."""

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from certificates.models import CACertificate
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.models import Namespace
from namespaces.pages.lists import Listing
from namespaces.registry import UploadedCA
from sync.models import HIDDEN_NAME


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


def uploaded_cas(namespace: Namespace) -> list[UploadedCA]:
    """Return the namespace's CA certificates, for the apps below. Hidden ones have no name and no page."""
    rows = CACertificate.objects.present().filter(namespace=namespace).defer("der", "base")
    return [_uploaded(row, is_hidden=namespace.sight.hides(row)) for row in rows]


def _uploaded(row: CACertificate, *, is_hidden: bool) -> UploadedCA:
    url = "" if is_hidden else reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
    name = HIDDEN_NAME if is_hidden else row.name
    return UploadedCA(name, row.subject, row.thumbprint, row.not_after, url, is_hidden)
