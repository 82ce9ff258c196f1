"""A failed step links to the form that fixes it, or to none when the fix is made elsewhere."""

from fnmatch import fnmatchcase

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils.html import escape

from certificates.authentication.types import (
    CHANGE_NAME,
    CHOOSE_SOURCES,
    CREATE_CLIENT,
    ENABLE_CLIENT,
    REGISTER_THUMBPRINT,
    SET_SCHEME,
    UPLOAD_CA,
    USE_THUMBPRINT,
)
from certificates.pages.authentication_trace import AuthenticationTest, run_authentication_test
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.reading import to_azure_pem
from namespaces.models import ConnectionAttempt, Namespace, NamespaceRole, Role
from tests.certificates.authentication.engine_table.arranging import arranged
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import Case
from tests.certificates.authentication.test_engine_table import decide
from tests.support.certificates.chains import AT
from tests.support.database.factories import PASSWORD, make_user

ELSEWHERE = ""  # on the device, or where its certificate is issued

# Where to fix each kind of refused row, written by hand. The first matching pattern counts.
WAYS = {
    "certificate: *": ELSEWHERE,
    "key: *": ELSEWHERE,
    "signature: *": ELSEWHERE,
    "purpose: the CA may issue servers only": UPLOAD_CA,
    "purpose: *": ELSEWHERE,
    "issuer: right key, other key identifier": ELSEWHERE,
    "issuer: renewed, *": ELSEWHERE,
    "issuer: self-signed with a subject scheme": USE_THUMBPRINT,
    "issuer: the client certificate itself was uploaded": USE_THUMBPRINT,
    "issuer: *": UPLOAD_CA,
    "chain: the sent intermediate is signed with SHA-1": ELSEWHERE,
    "chain: *": UPLOAD_CA,
    "ca: does not permit the client's DNS name": ELSEWHERE,
    "ca: *": UPLOAD_CA,
    "subject: registered as *": CHANGE_NAME,
    "subject: * of the registered name": CHANGE_NAME,
    "subject: *": ELSEWHERE,
    "dns: the name stands in *": SET_SCHEME,
    "dns: *": ELSEWHERE,
    "uri: *": ELSEWHERE,
    "e-mail: *": ELSEWHERE,
    "ip: the address stands as a DNS name": SET_SCHEME,
    "ip: the authentication name is no address": SET_SCHEME,
    "ip: the authentication name only looks like an address": CHANGE_NAME,
    "ip: *": ELSEWHERE,
    "thumbprint: right, but expired": ELSEWHERE,
    "thumbprint: *": REGISTER_THUMBPRINT,
    "name: no MQTT user name and no alternative source": CHOOSE_SOURCES,
    "name: an empty MQTT user name is none": CHOOSE_SOURCES,
    "name: unknown": CREATE_CLIENT,
    "name: unknown, with a certificate that several clients may use": CREATE_CLIENT,
    "name: no client in the namespace": CREATE_CLIENT,
    "name: the client is disabled": ENABLE_CLIENT,
    "name: disabled is reported before a wrong chain": ENABLE_CLIENT,
    "name: *": ELSEWHERE,
    "source: every one is empty": CHOOSE_SOURCES,
    "source: the name may come from one field and be compared with another": SET_SCHEME,
    "source: *": ELSEWHERE,  # the name is sent by which the certificate is a client's
}
PAGES = {
    UPLOAD_CA: "certificates:ca_certificate_upload",
    CHOOSE_SOURCES: "namespaces:configuration_detail",
    CREATE_CLIENT: "namespaces:client_create",
    CHANGE_NAME: "namespaces:client_change_authentication_name",
    ENABLE_CLIENT: "namespaces:client_update",
    SET_SCHEME: "namespaces:client_update",
    USE_THUMBPRINT: "namespaces:client_update",
    REGISTER_THUMBPRINT: "namespaces:client_update",
}
OF_A_CLIENT = {CHANGE_NAME, ENABLE_CLIENT, SET_SCHEME, USE_THUMBPRINT, REGISTER_THUMBPRINT}
REFUSED = [case for case in cases(AT) if not case.accepted]


def written_down(case: Case) -> str:
    return next(way for kind, way in WAYS.items() if fnmatchcase(case.id, kind))


def trial_of(case: Case, namespace: Namespace) -> AuthenticationTest:
    ders = (case.der, *(sent.der for sent in case.chain)) if case.der is not None else ()
    at = case.at or AT
    return run_authentication_test(
        namespace, PresentedChain(ders), user_name=case.user_name, at=at, protocol="5", now=AT, may_change=True
    )


def link_of(result: AuthenticationTest) -> str:
    return next((shown.url for shown in result.steps if shown.step.outcome == "failed"), "")


@pytest.mark.parametrize("case", REFUSED, ids=[case.id for case in REFUSED])
def test_each_refusal_says_where_its_change_is_made(case: Case) -> None:
    failing = decide(case).failing
    assert failing is not None
    assert failing.action == written_down(case), failing.fix


@pytest.mark.django_db
@pytest.mark.parametrize("case", REFUSED, ids=[case.id for case in REFUSED])
def test_the_link_leads_to_that_form(case: Case) -> None:
    namespace = arranged(case)
    url, way = link_of(trial_of(case, namespace)), written_down(case)
    if way == ELSEWHERE:
        assert url == ""
        return
    name = [case.clients[0].name] if way in OF_A_CLIENT else []
    assert url.split("?")[0].split("#")[0] == reverse(PAGES[way], args=[namespace.pk, *name])


SAVED = [
    case for case in REFUSED if written_down(case) in {CREATE_CLIENT, CHOOSE_SOURCES, *OF_A_CLIENT} - {CHANGE_NAME}
]


@pytest.mark.django_db
@pytest.mark.parametrize("case", SAVED, ids=[case.id for case in SAVED])
def test_saving_the_form_as_the_link_fills_it_in_makes_the_step_pass(case: Case, client: Browser) -> None:
    namespace = arranged(case)
    NamespaceRole.objects.create(namespace=namespace, role=Role.CONTRIBUTOR, user=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    refused = trial_of(case, namespace)
    address, _, field = link_of(refused).partition("#")
    page = client.get(address)
    assert page.status_code == 200
    assert not field or f'id="{field}"' in page.content.decode()
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    if written_down(case) == ENABLE_CLIENT:
        values["state"] = "Enabled"
    values.setdefault("name", "made-from-the-link")
    values["generation"] = page.context.get("opened") or ""  # the edition that the form was opened with
    saved = client.post(address.split("?")[0], values)
    assert saved.status_code == 302, saved.content.decode()
    assert trial_of(case, namespace).decision.code != refused.decision.code


@pytest.mark.django_db
def test_what_a_link_fills_in_is_told_and_not_saved(client: Browser) -> None:
    case = next(case for case in REFUSED if case.id == "thumbprint: the certificate was renewed")
    namespace = arranged(case)
    NamespaceRole.objects.create(namespace=namespace, role=Role.CONTRIBUTOR, user=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    address, _, field = link_of(trial_of(case, namespace)).partition("#")
    page = client.get(address).content.decode()
    assert field == "id_thumbprint_2"  # beside the one that is registered, so that both work meanwhile
    assert "data-filled-in" in page
    assert case.presented is not None
    assert f'value="{case.presented.thumbprint}"' in page
    assert case.presented.thumbprint not in namespace.clients.get().thumbprints
    assert "data-filled-in" not in client.get(address.split("?")[0]).content.decode()


def attempt_of(case: Case, namespace: Namespace) -> ConnectionAttempt:
    """Create the attempt as it is logged."""
    decision = decide(case)
    ders = [case.der, *(sent.der for sent in case.chain)] if case.der is not None else []
    record = {"presentedChain": [to_azure_pem(der) for der in ders], "decision": decision.as_dict()}
    return ConnectionAttempt.objects.create(
        namespace=namespace, cursor=1, at=AT, accepted=False, code=decision.code, reason=decision.reason, record=record
    )


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.READER])
@pytest.mark.parametrize("way", PAGES)
def test_a_past_attempt_leads_there_too_for_those_who_may_go(way: str, role: Role, client: Browser) -> None:
    case = next(case for case in REFUSED if written_down(case) == way)
    namespace = arranged(case)
    NamespaceRole.objects.create(namespace=namespace, role=role, user=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    attempt = attempt_of(case, namespace)
    detail = reverse("namespaces:connection_detail", args=[namespace.pk, attempt.cursor])
    link = escape(link_of(trial_of(case, namespace)))
    assert link
    assert (f'href="{link}"' in client.get(detail).content.decode()) is (role == Role.CONTRIBUTOR)
    if way in OF_A_CLIENT:
        namespace.clients.all().delete()
        assert f'href="{link}"' not in client.get(detail).content.decode()
