"""Take each wrong turn that the exercises name, as a trainee does: in forms, with files and with devices."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.actions.decision_rules.bindings import bind_issuer, unbind_issuer
from certificates.actions.decision_rules.revocations import release_certificate, revoke_certificate
from certificates.actions.rollovers import cancel_rollover, confirm_clients, start_rollover
from certificates.models import CACertificate
from certificates.samples.certificates import named, new_key
from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import from_stored_pem, load_certificate, to_pem
from lab.actions.exercises.progress import Begun
from lab.actions.exercises.start_states import put_client, upload_file
from lab.catalogue.exercise import Exercise, WrongTurn
from lab.models import Progress
from namespaces.actions.change_sets.emergency import apply_at_once
from namespaces.actions.change_sets.requests import keep_draft, request_approval, withdraw
from namespaces.actions.clients import delete_client
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, Client
from sync.drift.resolutions import ignore
from sync.models import Finding
from tests.lab.conftest import Classroom

Undo = Callable[[], object]


def nothing() -> None:
    return


class Trainee:
    """Takes wrong turns in one exercise that has begun."""

    def __init__(self, room: Classroom, begun: Begun, exercise: Exercise, browser: Browser) -> None:
        self.room, self.begun, self.exercise, self.browser = room, begun, exercise, browser

    def take(self, turn: WrongTurn) -> Undo:
        """Take one wrong turn, and return what undoes it."""
        undo: Undo | None = getattr(self, f"_{turn.on}")(turn)
        return undo or nothing

    @property
    def files(self) -> Any:
        return Progress.objects.get(pk=self.begun.progress.pk).facts["files"]

    @property
    def first(self) -> str:
        """Return the file of the exercise's first client certificate."""
        assert self.begun.chain is not None
        return self.begun.chain.clients[0].file_name

    @property
    def last(self) -> str:
        assert self.begun.chain is not None
        return self.begun.chain.clients[-1].file_name

    # Forms

    def _upload(self, turn: WrongTurn) -> None:
        url = reverse("certificates:ca_certificate_check_file", args=[self.room.namespace.pk])
        self.browser.post(url, {"pem": self._file_for(turn.code)}, headers={"HX-Request": "true"})

    def _file_for(self, code: str) -> str:
        chain = self.begun.chain or make_sample_chain([ClientName("press-1")], at=timezone.now())
        leaf = to_pem(chain.clients[-1].certificate_der)
        match code:
            case "private-key":
                return chain.clients[0].key_pem.decode()
            case "several-certificates":
                return leaf + chain.intermediate.certificate_pem
            case "duplicate":
                uploaded = self.room.cas().first()
                assert uploaded is not None
                return str(uploaded.pem)
            case "self-signed-leaf":
                return self_signed()
            case "not-marked-as-ca":
                return self_signed("Plant CA")
            case _:
                return leaf

    def _form(self, turn: WrongTurn) -> None:
        pk, name = self.room.namespace.pk, self.exercise.clients[0]
        if turn.code == "same":
            row = Client.objects.get(namespace=pk, name=name)
            url = reverse("namespaces:client_change_authentication_name", args=[pk, name])
            self.browser.post(url, {"authentication_name": row.authentication_name})
            return
        if not Client.objects.present().filter(namespace=pk, name=name).exists():
            put_client(self.room.trainee, self.room.namespace, {}, name=name)
            self.room.look(self.exercise.slug)
        self.browser.post(reverse("namespaces:client_create", args=[pk]), {"name": name})

    def _test(self, turn: WrongTurn) -> None:
        url = reverse("certificates:test_authentication", args=[self.room.namespace.pk])
        self.browser.post(url, {"pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})

    # Devices

    def _connection(self, turn: WrongTurn) -> None:
        name = str(self.exercise.names[0]["name"])
        match turn.code:
            case "authentication-name":
                self.room.connect(self.begun, self.last, no_name=True)
            case "client-found":
                self.room.connect(self.begun, self.last, user_name="nobody")
            case "certificate-readable":
                self.room.connect_bare(name)
            case "issuer-found" if self._is_trusted():
                put_client(self.room.trainee, self.room.namespace, {}, name=name)
                self.room.push()
                self.room.connect_stranger(name)
            case "scheme-compared" if not self._is_mismatched(name):
                put_client(self.room.trainee, self.room.namespace, {}, name=name, authentication_name="press-other")
                self.room.push()
                self.room.connect(self.begun, self.first, user_name="press-other")
            case _:
                self.room.connect(self.begun, self.first, user_name=name)

    def _is_trusted(self) -> bool:
        return self.room.cas().filter(thumbprint=self.files["intermediate_ca"]["thumbprint"]).exists() and not any(
            each.get("fault") == "other-ca" for each in self.exercise.names
        )

    def _is_mismatched(self, name: str) -> bool:
        starts: dict[str, Any] = {each["name"]: each for each in self.exercise.start.get("clients", ())}
        return "scheme" in starts.get(name, {})

    # Rows

    def _row(self, turn: WrongTurn) -> Undo:
        return getattr(self, f"_row_{turn.code}")(**turn.arguments)  # type: ignore[no-any-return]

    def _row_ca_uploaded(self, *, file: str) -> Undo:
        row = upload_file(self.room.trainee, self.room.namespace, self.files[file], name=f"wrong-{file.split('_')[0]}")
        return lambda: delete_ca_certificate(self.room.trainee, certificate=row)

    def _row_ca_deleted(self, *, file: str) -> Undo:
        row = self.room.cas().get(thumbprint=self.files[file]["thumbprint"])
        delete_ca_certificate(self.room.trainee, certificate=row)
        return lambda: upload_file(self.room.trainee, self.room.namespace, self.files[file], name="again")

    def _row_client_registered(self, *, client: str, scheme: str, file: str = "") -> Undo:
        file = file or ("other" if scheme == "ThumbprintMatch" else "")
        files = self.files if file in self.files else {}
        put_client(self.room.trainee, self.room.namespace, files, name=client, scheme=scheme, file=file)
        row = Client.objects.get(namespace=self.room.namespace, name=client)
        if files:
            return lambda: put_client(self.room.trainee, self.room.namespace, {}, name=client)
        is_new = client in self.exercise.start.get("absent", ())
        return (lambda: delete_client(self.room.trainee, client=row)) if is_new else nothing

    def _row_draft_left(self, *, client: str) -> Undo:
        draft = keep_draft(self.room.trainee, self._held(client))
        return lambda: withdraw(self.room.trainee, change_set=draft)

    def _row_request_withdrawn(self, *, client: str) -> Undo:
        draft = keep_draft(self.room.trainee, self._held(client))
        asked = request_approval(self.room.trainee, change_set=draft, title="Renew", reason="A new certificate.")
        withdraw(self.room.trainee, change_set=asked)
        return lambda: ChangeSet.objects.filter(pk=asked.pk).delete()

    def _row_applied_at_once(self, *, client: str) -> Undo:
        draft = keep_draft(self.room.trainee, self._held(client))
        apply_at_once(self.room.trainee, change_set=draft, reason="It stands still.", is_proven=True)
        return lambda: ChangeSet.objects.filter(pk=draft.pk).delete()

    def _held(self, client: str) -> NeedsApproval:
        with pytest.raises(NeedsApproval) as held:
            put_client(self.room.trainee, self.room.namespace, {}, name=client)
        return held.value

    def _row_client_deleted(self, *, client: str) -> Undo:
        if not Client.objects.present().filter(namespace=self.room.namespace, name=client).exists():
            put_client(self.room.trainee, self.room.namespace, {}, name=client)
        delete_client(self.room.trainee, client=Client.objects.get(namespace=self.room.namespace, name=client))
        return nothing

    def _row_ca_gone_too_early(self, *, file: str, **_: str) -> Undo:
        row = self.room.cas().get(thumbprint=self.files[file]["thumbprint"])
        delete_ca_certificate(self.room.trainee, certificate=row)
        return nothing

    def _row_confirmed_unseen(self, *, client: str, file: str, through: str) -> Undo:
        pk = Client.objects.get(namespace=self.room.namespace, name=client).pk
        old, cancel = self._replacing(file, through)
        confirm_clients(self.room.trainee, old=old, clients=[pk])
        return cancel

    def _row_replacement_started(self, *, file: str, through: str) -> Undo:
        return self._replacing(file, through)[1]

    def _replacing(self, file: str, through: str) -> tuple[CACertificate, Undo]:
        old, new = (
            upload_file(self.room.trainee, self.room.namespace, self.files[each], name=f"of-{each.replace('_', '-')}")
            for each in (file, through)
        )
        start_rollover(self.room.trainee, old=old, successor=new)
        return old, lambda: cancel_rollover(self.room.trainee, old=old)

    def _row_certificate_revoked(self, *, file: str) -> Undo:
        certificate = load_certificate(from_stored_pem(self.files[file]["pem"]))
        row = revoke_certificate(
            self.room.trainee, namespace=self.room.namespace, certificate=certificate, reason="unspecified"
        )
        return lambda: release_certificate(self.room.trainee, revoked=row)

    def _row_bound_too_wide(self, *, client: str, file: str, through: str) -> Undo:
        return self._bind(through, "*-27")

    def _row_refused_by_rule(self, *, client: str, file: str, rule: str) -> Undo:
        return self._bind("intermediate_ca", "nobody-*")

    def _bind(self, file: str, pattern: str) -> Undo:
        ca = self.room.cas().get(thumbprint=self.files[file]["thumbprint"])
        bind_issuer(self.room.trainee, ca=ca, teams=[], groups=[], patterns=[pattern])
        return lambda: unbind_issuer(self.room.trainee, ca=ca)

    def _row_drift_ignored(self, *, name: str) -> Undo:
        ignore(self.room.trainee, finding=Finding.objects.get(scope=self.room.namespace.pk, name=name))
        return nothing

    def _row_client_by_hand(self, *, client: str) -> Undo:
        put_client(self.room.trainee, self.room.namespace, {}, name=client)
        return nothing


def self_signed(name: str = "press-1") -> str:
    """Return a certificate that signed itself and is no CA certificate."""
    key, now = new_key(), timezone.now().replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
    )
    if name == "press-1":
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return to_pem(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
