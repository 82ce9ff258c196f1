"""For any certificate, name and time, the page gets a verdict."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates.pages.authentication_trace import run_authentication_test
from certificates.pages.presented_chain import PresentedChain
from namespaces.models import Namespace, Role
from namespaces.rights import Rights
from tests.certificates.authentication.engine_table.cases import IP, THUMBPRINT, Plant
from tests.certificates.x509.test_fuzzing import mutated
from tests.support.certificates.chains import AT, Identity, self_signed
from tests.support.database.factories import make_ca_certificate, make_client, make_configuration, make_namespace

NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
PLANT = Plant(AT)
FIRST = datetime(1950, 1, 1, tzinfo=UTC)
LEAVES = [
    PLANT.leaf(dns=["sensor-1.plant.example"], ips=["2001:db8::1"], emails=["a@plant.example"]),
    PLANT.leaf(not_after=NO_EXPIRY),
    PLANT.leaf(not_before=FIRST, not_after=FIRST + timedelta(seconds=1)),
    PLANT.leaf(not_before=NO_EXPIRY - timedelta(seconds=1), not_after=NO_EXPIRY),
    self_signed("sensor-1", key_label="alone", not_after=NO_EXPIRY),
    PLANT.line,
]
SOURCES = [f"ClientCertificate{kind}" for kind in ("Email", "Ip", "Dns", "Subject")]
names = (
    st.none() | st.sampled_from(["sensor-1", "by-thumbprint", "192.0.2.17", " sensor-1", ""]) | st.text(max_size=300)
)
moments = st.datetimes(timezones=st.just(UTC)) | st.just(AT)


def plant_namespace() -> Namespace:
    """Return the namespace of this test, created for the first example."""
    found = Namespace.objects.first()
    if found is not None:
        found.rights = Rights(((Role.OWNER, None),))
        return found
    namespace = make_namespace()
    make_configuration(namespace, sources=SOURCES)
    make_ca_certificate(namespace, "line-1", der=PLANT.line.der)
    make_client(namespace, "sensor-1")
    make_client(namespace, "by-thumbprint", validation_scheme=THUMBPRINT, thumbprints=["ab" * 32])
    make_client(namespace, "by-address", authentication_name="192.0.2.17", validation_scheme=IP)
    return namespace


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    leaf=st.sampled_from(LEAVES),
    seed=st.integers(0, 2**32),
    changes=st.integers(0, 4),
    user_name=names,
    at=moments,
    now=st.integers(0, 27_000).map(lambda days: AT + timedelta(days=days)),
    protocol=st.sampled_from(["5", "3.1.1", "?"]),
)
def test_a_mutated_certificate_gets_a_verdict_with_all_that_the_page_draws(
    leaf: Identity, seed: int, changes: int, user_name: str | None, at: datetime, now: datetime, protocol: str
) -> None:
    presented = PresentedChain((mutated(leaf.der, seed, changes), PLANT.line.der))
    result = run_authentication_test(
        plant_namespace(), presented, user_name=user_name, at=at, protocol=protocol, now=now, may_change=True
    )
    assert result.decision.accepted or result.decision.fix
    assert result.slider is None or result.slider.start <= at <= result.slider.end
    assert {result.slider is None, result.names is None} == {presented.leaf is None}
    assert bool(result.connack) is not result.decision.accepted
    assert result.download
