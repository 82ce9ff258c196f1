"""Page and endpoint decide alike, for any combination of faults in certificate, chain, client, name or namespace.

The fixed table (`tests.certificates.authentication.engine_table.case_table`) holds each of them to expectations written by hand; here what nobody
wrote down is put together at random and both are asked, the page by HTTP and the endpoint over TLS and MQTT.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from certificates.authentication.engine import ClientRecord, Decision, authentication_name_key
from certificates.authentication.types import ALTERNATIVE_SOURCES
from certificates.x509.reading import load_certificate
from tests.certificates.authentication.engine_table.arranging import arranged
from tests.certificates.authentication.engine_table.cases import (
    DAY,
    DNS,
    EMAIL,
    IP,
    SUBJECT,
    THUMBPRINT,
    URI,
    Case,
    Plant,
    a_client,
)
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.arranging import arrange, context_of
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import wire
from tests.support.certificates.chains import (
    Identity,
    authority,
    key_identifier,
    only_dns,
    self_signed,
    unknown_extension,
)
from tests.support.database.factories import make_admin

NOW = datetime.now(UTC).replace(microsecond=0)
PLANT = Plant(NOW)
OTHER = authority("Other Root CA", at=NOW)
SUB = PLANT.line.issue("Cell CA", ca=True)  # one more than the path length of line 1 allows
ISSUERS = {
    "line": PLANT.line,
    "root": PLANT.root,
    "other root": OTHER,
    "below line": SUB,
    "twin": PLANT.root.issue("Line 1 CA", ca=True, path_length=0, key_label="twin of line 1"),
    "expired line": PLANT.root.issue("Line 1 CA", ca=True, path_length=0, not_after=NOW - DAY),
    "servers only": PLANT.root.issue("Web CA", ca=True, purposes=["serverAuth"]),
    "no CA": PLANT.root.issue("Plain CA", ca=None),
    "may not sign": PLANT.root.issue("Mute CA", ca=True, key_usage=["cRLSign"]),
    "office names only": PLANT.root.issue("Office CA", ca=True, name_constraints=only_dns("office.example")),
    "SHA-1": PLANT.root.issue("Old CA", ca=True, digest="SHA-1"),
}
SAN = {
    "dns": ["sensor-1.plant.example", "b.plant.example"],
    "uris": ["urn:plant:sensor-1"],
    "ips": ["2001:db8::1", "192.0.2.7"],
    "emails": ["sensor-1@plant.example"],
}
FAULTS: list[dict[str, Any]] = [
    {"not_after": NOW - DAY},
    {"not_before": NOW + DAY},
    {"purposes": ["serverAuth"]},
    {"purposes": ["anyExtendedKeyUsage"]},
    {"purposes": None},
    {"key_usage": ["keyEncipherment"]},
    {"key_usage": None, "ca": None},
    {"aki": None},
    {"aki": b"\x01" * 20},
    {"aki": bytes.fromhex(key_identifier(OTHER))},
    {"has_ski": False},
    {"digest": "SHA-1"},
    {"version_1": True},
    {"extensions": [unknown_extension(critical=True)]},
    {"extensions": [unknown_extension(critical=False)]},
    {"key": "P-384"},
    {"key": "Ed25519"},
    {"key": "RSA 1024"},
    {"ca": True},
    *({kind: values} for kind, values in SAN.items()),
    {"dns": ["*.plant.example"], "san_critical": True},
    {"dns": ["SENSOR-1.plant.example."]},
]
NAMES = [
    "sensor-1",
    "SENSOR-1",
    " sensor-1",
    "sensor-1.plant.example",
    "urn:plant:sensor-1",
    "2001:0DB8:0:0:0:0:0:1",
    "192.0.2.7",
    "sensor-1@plant.example",
    "Straße",
    "CN=sensor-1",
    "n" * 129,
]
FITTING = [
    (SUBJECT, "sensor-1"),
    (DNS, "sensor-1.plant.example"),
    (URI, "urn:plant:sensor-1"),
    (IP, "2001:0DB8:0:0:0:0:0:1"),
    (EMAIL, "sensor-1@plant.example"),
    (THUMBPRINT, "sensor-1"),
]
SCHEMES = [scheme for scheme, _ in FITTING]
SOURCES = list(ALTERNATIVE_SOURCES)


def seldom(draw: st.DrawFn, usual: st.SearchStrategy[Any], otherwise: st.SearchStrategy[Any]) -> Any:
    """Draw mostly valid values: if everything is wrong at once, the first step hides all others."""
    return draw(otherwise if draw(st.sampled_from([False, False, True])) else usual)


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Identity, str]:
    """Draw a certificate to present, with up to two faults, and the name of its signer ("" if self-signed)."""
    faults = seldom(draw, st.just([]), st.lists(st.sampled_from(FAULTS), min_size=1, max_size=2))
    options = {key: value for fault in [SAN, *faults] for key, value in fault.items()}
    name = seldom(draw, st.just("sensor-1"), st.sampled_from(["Sensor-1", "straße", "sensor-2"]))
    signer = seldom(draw, st.just("line"), st.sampled_from(["", *ISSUERS]))
    if not signer:
        options.pop("aki", None)
        return self_signed(name, at=NOW, key_label=f"alone {name}", **options), ""
    return ISSUERS[signer].issue(name, **options), signer


@st.composite
def clients_for(draw: st.DrawFn, leaf: Identity) -> list[ClientRecord]:
    """Draw up to three clients, the first of which mostly matches the certificate."""
    some = st.lists(st.tuples(st.sampled_from(SCHEMES), st.sampled_from(NAMES[:10])), max_size=2)
    wanted = [*seldom(draw, st.sampled_from([[pair] for pair in FITTING]), some), *draw(some)]
    made = [
        a_client(
            name,
            scheme,
            name=f"client-{number}",
            thumbprints=(seldom(draw, st.just(leaf.thumbprint), st.just(PLANT.line.thumbprint)),),
            enabled=seldom(draw, st.just(True), st.booleans()),
        )
        for number, (scheme, name) in enumerate(wanted)
    ]
    return list({authentication_name_key(c.authentication_name): c for c in reversed(made)}.values())[::-1]


@st.composite
def rows(draw: st.DrawFn) -> Case:
    """Draw a namespace, and the certificate and user name that a client presents to it."""
    leaf, signer = draw(leaves())
    usual = [ISSUERS[signer or "line"]]
    any_cas = st.lists(st.sampled_from([*ISSUERS.values(), leaf]), max_size=3)
    uploaded = seldom(draw, st.sampled_from([usual, [PLANT.root, *usual]]), st.one_of(st.just([PLANT.root]), any_cas))
    chain = draw(st.one_of(st.just([]), st.just(usual), st.lists(st.sampled_from([*ISSUERS.values()]), max_size=3)))
    if load_certificate(leaf.der).is_ca:  # in a file of many, the page takes the one that is no CA for the client's
        chain = [sent for sent in chain if load_certificate(sent.der).is_ca]
    clients = draw(clients_for(leaf))
    registered = [client.authentication_name for client in clients[:1]] or NAMES
    odd_names = st.one_of(st.sampled_from([None, "", *NAMES]), st.text("abé-.:@ 1", max_size=12))
    return Case(
        id="",
        presented=leaf,
        uploaded={f"ca-{number}": identity for number, identity in enumerate(uploaded)},
        user_name=seldom(draw, st.sampled_from(registered), odd_names),
        clients=tuple(clients),
        chain=tuple(chain),
        sources=tuple(draw(st.lists(st.sampled_from(SOURCES), unique=True, max_size=3))),
        weak=True,  # whether a TLS client would hesitate is not asked here
    )


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[LocalPlant]:
    made = LocalPlant(tmp_path)
    yield made
    made.close()


def page_decides(browser: Browser, case: Case, at: datetime) -> Decision:
    """Return the decision of the page Test authentication, in a temporary namespace."""
    assert case.presented is not None
    file = SimpleUploadedFile("client.crt", case.presented.pem + b"".join(sent.pem for sent in case.chain))
    with transaction.atomic():
        namespace = arranged(case)
        url = reverse("certificates:test_authentication", args=[namespace.pk])
        answer = browser.post(url, {"file": file, "user_name": case.user_name or "", "at": f"{at:%Y-%m-%dT%H:%M}"})
        assert answer.status_code == 200, answer.content.decode()
        found = answer.context["test"].decision
        transaction.set_rollback(True)
    assert isinstance(found, Decision)
    return found


def endpoint_decides(plant: LocalPlant, case: Case, folder: Path) -> tuple[Decision, w.Received]:
    """Return what a client receives from the live endpoint, and its log record."""
    arrange(plant, case)
    before = len(plant.log())
    with wire(plant, context=context_of(plant, case, folder)) as opened:
        opened.send(w.connect("session", case.user_name))
        answer = opened.expect(w.CONNACK)
    # The end of the connection before may be recorded in between.
    record = next(each for each in plant.log()[before:] if each["category"] != "MqttDisconnections")
    return Decision.from_dict(record["decision"]), answer


def moment_of(decision: Decision) -> datetime:
    """Return the minute in a trace. Page and endpoint might decide in different minutes, so it is removed."""
    told = [value for step in decision.steps for name, value in step.values if name == "at"]
    return datetime.strptime(told[0], "%d %b %Y %H:%M UTC").replace(tzinfo=UTC)


@pytest.mark.django_db
def test_page_and_endpoint_give_the_same_verdict_step_and_reason(
    plant: LocalPlant, client: Browser, tmp_path: Path
) -> None:
    client.force_login(make_admin())
    met: Counter[str] = Counter()

    @settings(
        max_examples=70,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(rows())
    def they_agree(case: Case) -> None:
        endpoint, answer = endpoint_decides(plant, case, tmp_path)
        page = page_decides(client, case, moment_of(endpoint))
        assert (page.code, page.reason, page.fix) == (endpoint.code, endpoint.reason, endpoint.fix)
        assert page.as_dict() == endpoint.as_dict()  # every step with its values
        assert (answer.reason == 0) is page.accepted
        met[page.code] += 1

    they_agree()
    # A mixture in which nearly everything fails at once at the first step would prove little.
    assert met["accepted"] >= 10, met
    assert len(met) >= 8, met
