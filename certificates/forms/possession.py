"""The form that takes a proof of possession."""

from django.core.exceptions import ValidationError

from certificates.forms.upload import FileOrPasteForm
from certificates.x509.certificate import Certificate, DecodingError
from certificates.x509.reading import read_upload, to_pem


class ProofForm(FileOrPasteForm):
    """A certificate with the nonce as common name; below it the client certificate whose key signed it, if one did."""

    required_message = "Choose, drop or paste the certificate that has the nonce as its common name."
    proof: tuple[Certificate, ...] = ()

    def read(self, data: bytes) -> None:
        try:
            self.proof = read_upload(data)
        except DecodingError as refusal:
            self.show("")
            next_step = (
                "" if refusal.code == "private-key" else "Send the certificate proof.crt that the commands create."
            )
            sentence = f"{refusal.sentence} {next_step or refusal.next_step}".strip()
            self.add_error("file", ValidationError(sentence, code=refusal.code))
        else:
            self.show("".join(to_pem(each.der) for each in self.proof))
