"""Forms of revocation lists: the file, and the address from which it is fetched."""

from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from certificates.authentication.rules.revocation_lists import ListError, read_list
from certificates.authentication.rules.types import RevocationList
from certificates.forms.upload import FileOrPasteForm
from certificates.models import CACertificate
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from namespaces.forms.base import GuardedForm
from portal.notifications.webhooks.addresses import LONGEST_URL


class RevocationListForm(FileOrPasteForm):
    """A certificate revocation list (DER or PEM). The CA that issued it is found among those that the person sees."""

    required_message = "Choose a file, drop one, or paste a revocation list."
    found: RevocationList | None = None
    ca: CACertificate | None = None
    file_bytes: bytes = b""

    def __init__(self, *args: object, cas: Sequence[CACertificate], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._cas = cas
        file, pem = self.fields["file"], self.fields["pem"]
        file.label, pem.label = "Revocation list file", "Or paste the revocation list"
        file.widget.attrs["accept"] = ".crl,.pem,.der"
        pem.widget.attrs["placeholder"] = "-----BEGIN X509 CRL-----"

    def read(self, data: bytes) -> None:
        self.show("")  # it may be large, and anything but a list
        known = {certificate.der: row for row, certificate in _readable(self._cas)}
        try:
            found = read_list(data, [certificate for _, certificate in _readable(self._cas)], at=timezone.now())
        except ListError as refusal:
            self.add_error("file", ValidationError(str(refusal), code=refusal.code))
        else:
            self.found, self.ca, self.file_bytes = found, known[found.signer], data


def _readable(cas: Sequence[CACertificate]) -> list[tuple[CACertificate, Certificate]]:
    found = []
    for row in cas:
        try:
            found.append((row, load_certificate(bytes(row.der))))
        except DecodingError:
            continue
    return found


class ListAddressForm(GuardedForm):
    """From where the list of a CA is fetched. The operator allows hosts."""

    url = forms.CharField(
        label="Address",
        required=False,
        max_length=LONGEST_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "http://pki.example.com/line.crl"}),
        help_text="Leave it empty to fetch none.",
    )
