"""Import clients as a browser does: bring files, look at the review, start."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from certificates.samples.chain import SampleChain
from namespaces.models import ClientImport, ImportRow, Namespace

Verdict = ImportRow.Verdict


def url(place: Namespace, name: str, run: ClientImport | None = None) -> str:
    return reverse(f"namespaces:client_import{name}", args=[place.pk] if run is None else [place.pk, run.pk])


def bring(browser: Browser, place: Namespace, *files: tuple[str, bytes], **fields: Any) -> Any:
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return browser.post(url(place, "_files"), {"upload": sent, **fields})


def review(browser: Browser, place: Namespace, *files: tuple[str, bytes], **fields: Any) -> ClientImport:
    assert bring(browser, place, *files, **fields).status_code == 302
    run = ClientImport.objects.latest("pk")
    assert browser.get(url(place, "", run)).status_code == 200
    return run


def verdicts(run: ClientImport) -> dict[str, str]:
    return {str(row): row.verdict for row in run.rows.order_by("number")}


def start(browser: Browser, place: Namespace, run: ClientImport, which: str = "ready", **fields: Any) -> None:
    assert browser.post(url(place, "_start", run), {"import": which, **fields}).status_code == 302
    run.refresh_from_db()


def certificates(chain: SampleChain) -> list[tuple[str, bytes]]:
    return [(f"{n}.crt", each.certificate_pem.encode()) for n, each in enumerate(chain.clients, 1)]


def options(**more: str) -> dict[str, str]:
    return {"options": "1", "attributes-TOTAL_FORMS": "0", "attributes-INITIAL_FORMS": "0", **more}
