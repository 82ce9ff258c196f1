"""The list of CA certificates."""

from django.db.models import F, Q
from django.db.models.functions import Lower

from certificates.models import CACertificate
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.pages.lists import Listing


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


def uploaded_subjects(namespace_pk: int) -> dict[str, str]:
    """Return the subjects of the namespace's CA certificates by thumbprint, for the apps below."""
    rows = CACertificate.objects.present().filter(namespace=namespace_pk)
    return dict(rows.values_list("thumbprint", "subject"))
