"""The form that revokes a certificate which the portal has never seen: its file, or its issuer and serial number."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from certificates.actions.decision_rules.revocations import LONGEST_NOTE
from certificates.forms.upload import FileOrPasteForm
from certificates.models import CACertificate, RevocationReason
from certificates.x509.certificate import Certificate, DecodingError
from certificates.x509.reading import read_client_upload, to_pem
from portal.web.invisible_characters import named

HEX, DECIMAL = "hex", "decimal"
MOST_BITS = 160  # 20 bytes, RFC 5280 section 4.1.2.2
_LABEL = re.compile(r"^\s*(certificate\s+)?serial(\s*(number|no\.?))?\s*[:=]?\s*", re.IGNORECASE)
_BOTH = re.compile(r"(?P<decimal>\d+)\s*\(0x(?P<hex>[0-9a-f]+)\)", re.IGNORECASE)  # as OpenSSL prints a short one
_BETWEEN = re.compile(r"[\s:.\-‐‑–_]")


def serial_written(text: str, notation: str) -> int:
    """Return the serial number that a text writes, as OpenSSL, Windows and browsers show it. Raise ValidationError.

    Digits alone could be either notation, so `notation` decides: HEX or DECIMAL.
    """
    plain = _LABEL.sub("", text).strip().strip("\"'")
    both = _BOTH.fullmatch(plain)
    if both is not None:
        if int(both["decimal"]) != int(both["hex"], 16):
            raise ValidationError("The two numbers are not the same. Enter one of them.", code="differ")
        return _checked(int(both["hex"], 16))
    digits = _BETWEEN.sub("", plain).lower()
    if notation == DECIMAL:
        if digits.isascii() and digits.isdigit() and len(digits) <= 60:
            return _checked(int(digits))
        if re.fullmatch(r"(0x)?[0-9a-f]+", digits):
            raise ValidationError("This is hexadecimal: it has letters. Choose hexadecimal.", code="not-decimal")
    elif re.fullmatch(r"(0x)?[0-9a-f]{1,64}", digits):
        return _checked(int(digits, 16))
    raise ValidationError("This is no serial number. Write it such as 4A:2F:09, or in decimal.", code="no-serial")


def _checked(number: int) -> int:
    if not 0 < number < 1 << MOST_BITS:
        raise ValidationError("A serial number is positive and has at most 20 bytes (40 hex digits).", code="range")
    return number


class UnseenCertificateForm(FileOrPasteForm):
    """The certificate as a file or text, or the CA certificate that issued it with its serial number; and why."""

    ca = forms.ModelChoiceField(
        CACertificate.objects.none(),
        label="Issued by",
        required=False,
        to_field_name="name",
        empty_label="Choose a CA certificate",
    )
    serial = forms.CharField(label="Serial number", required=False, max_length=200)
    notation = forms.ChoiceField(
        label="Written in",
        choices=[(HEX, "Hexadecimal, as OpenSSL and Windows show it"), (DECIMAL, "Decimal")],
        initial=HEX,
        required=False,
    )
    reason = forms.ChoiceField(label="Reason", choices=RevocationReason.choices, initial=RevocationReason.UNSPECIFIED)
    note = forms.CharField(
        label="What happened",
        max_length=LONGEST_NOTE,
        required=False,
        help_text="One sentence, for the list and for the notice.",
    )

    required_message = "Choose a certificate, or its issuer and enter its serial number."
    certificate: Certificate | None = None
    serial_number: int | None = None

    def __init__(self, *args: Any, cas: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["ca"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = cas

    def clean(self) -> dict[str, Any]:
        text, issuer = self.cleaned_data.get("serial", ""), self.cleaned_data.get("ca")
        has_serial = bool(text or issuer or self.errors.keys() & {"serial", "ca"})
        if not has_serial:
            return super().clean()
        cleaned = super(FileOrPasteForm, self).clean()
        if not self.is_empty:
            sentence = "Revoke one at a time: either this certificate, or the serial number below."
            self.add_error("file", ValidationError(sentence, code="both"))
            return cleaned
        if text and issuer is None and "ca" not in self.errors:
            sentence = "Choose the CA that issued it: another CA may have used the same number."
            self.add_error("ca", ValidationError(sentence, code="required"))
        if issuer is not None and not text and "serial" not in self.errors:
            self.add_error("serial", ValidationError("Enter the serial number of the certificate.", code="required"))
        if text:
            try:
                self.serial_number = serial_written(text, cleaned.get("notation") or HEX)
            except ValidationError as refusal:
                self.add_error("serial", refusal)
        return cleaned

    def read(self, data: bytes) -> None:
        try:
            found: Sequence[Certificate] = read_client_upload(data)
        except DecodingError as error:
            self.show("")
            self.add_error("file", ValidationError(f"{error.sentence} {error.next_step}".strip(), code=error.code))
            return
        self.certificate = found[0]
        self.show(to_pem(found[0].der))

    def clean_note(self) -> str:
        return named(self.cleaned_data["note"])
