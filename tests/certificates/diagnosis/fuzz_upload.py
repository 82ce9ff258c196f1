"""A coverage-guided fuzzer of uploads: `python -m tests.certificates.diagnosis.fuzz_upload -runs=N [CORPUS]`.

libFuzzer (atheris) watches which branches of `certificates` an input takes, and goes on from those that take new ones. Each
input goes the whole way: the upload form with its diagnosis, the engine as leaf and as chain, the name preview. Anything
raised but the modules' own error ends the program, as does one input that takes more than its time.
"""

import os
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import atheris

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.mkdtemp(prefix='fuzz-')}/portal.sqlite3"

import django

# Branches are counted in the modules that read what comes, and nowhere else.
with atheris.instrument_imports(include=["certificates"]):
    django.setup()
    from certificates.authentication.engine import NamespaceState, TrustedCA, authenticate
    from certificates.authentication.preview import preview_names
    from certificates.forms.upload import UploadCertificateForm
    from certificates.x509.reading import Certificate, DecodingError, read_upload
    from certificates.x509.thumbprints import ThumbprintError, normalize_thumbprint

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict

from namespaces.models import Namespace
from portal.models import User
from tests.certificates.authentication.engine_table.cases import Plant, a_client
from tests.certificates.uploads.key_uploads import write_corpus
from tests.support.certificates.chains import AT
from tests.support.database.factories import make_ca_certificate, make_namespace, make_user

PLANT = Plant(AT)
STATE = NamespaceState((TrustedCA("line-1", PLANT.line.der),), {"sensor-1": a_client()})
STATEMENTS_ALLOWED = 20  # a form asks the database about the namespace, never once per certificate or byte


class Target:
    """A namespace with a CA certificate, and a user who uploads."""

    def __init__(self, namespace: Namespace, user: User) -> None:
        self.namespace = namespace
        self.user = user

    def __call__(self, data: bytes) -> None:
        self._upload(data)
        certificates: tuple[Certificate, ...] = ()
        with suppress(DecodingError):
            certificates = read_upload(data)
        for presented in (data, *(certificate.der for certificate in certificates[:2])):
            authenticate(presented=presented, chain=[data], user_name="sensor-1", state=STATE, at=AT)
        authenticate(presented=PLANT.sensor.der, chain=[data], user_name="sensor-1", state=STATE, at=AT)
        for certificate in certificates[:2]:
            assert isinstance(certificate.extensions, tuple)
            assert isinstance(certificate.serial_number, int)
            preview_names(certificate, STATE)
        with suppress(ThumbprintError):
            assert len(normalize_thumbprint(data[:300].decode("latin-1"))) == 64

    def _upload(self, data: bytes) -> None:
        before = connection.queries_log
        before.clear()
        for sent in ({"file": SimpleUploadedFile("a.crt", data)}, {}):
            typed = QueryDict(mutable=True)
            typed["name"] = "line-9"
            if not sent:
                typed["pem"] = data.decode("utf-8", "replace")
            form = UploadCertificateForm(typed, sent, namespace=self.namespace, user=self.user)
            assert form.is_valid() or form.errors
        assert len(connection.queries_log) <= STATEMENTS_ALLOWED, len(connection.queries_log)


def main() -> None:
    warnings.simplefilter("ignore")
    call_command("migrate", verbosity=0)
    connection.force_debug_cursor = True
    user = make_user("ada")
    namespace = make_namespace(contributor=user)
    make_ca_certificate(namespace, "line-a", der=PLANT.line.der)
    arguments = sys.argv
    if all(argument.startswith("-") for argument in arguments[1:]):
        arguments = [*arguments, str(write_corpus(Path(tempfile.mkdtemp(prefix="corpus-"))))]
    atheris.Setup(arguments, Target(namespace, user))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
