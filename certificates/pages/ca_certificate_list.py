"""The list of CA certificates."""

from collections.abc import Sequence

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from certificates.models import WAITS_FOR_PROOF, CACertificate
from certificates.pages.possession import note_badges
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
    prepare=note_badges,
)


def uploaded_cas(namespaces: Sequence[Namespace]) -> dict[int, list[UploadedCA]]:
    """Return the CA certificates of each namespace, for the apps below. Hidden ones have no name and no page."""
    sights = {each.pk: each.sight for each in namespaces}
    found: dict[int, list[UploadedCA]] = {pk: [] for pk in sights}
    for row in CACertificate.objects.present().filter(namespace__in=sights).defer("der", "base"):
        found[row.namespace_id].append(_uploaded(row, is_hidden=sights[row.namespace_id].hides(row)))
    return found


def _uploaded(row: CACertificate, *, is_hidden: bool) -> UploadedCA:
    url = "" if is_hidden else reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
    name = HIDDEN_NAME if is_hidden else row.name
    waits = row.waits_for == WAITS_FOR_PROOF
    return UploadedCA(name, row.subject, row.thumbprint, row.not_after, url, is_hidden, waits)
