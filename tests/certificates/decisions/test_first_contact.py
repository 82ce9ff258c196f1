"""Which devices without a client a template would register: each rule of the engine, and what the template itself asks for."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from certificates.authentication.engine import authenticate
from certificates.authentication.rules.types import NO_RULES, IssuerBinding, NamespaceRules, bindings_of
from certificates.authentication.types import ClientRecord, NamespaceState, TrustedCA, authentication_name_key
from certificates.decisions.first_contact import Newcomer, Template, client_name, explained, newcomer
from tests.certificates.authentication.engine_table.cases import DNS, IP, SUBJECT, THUMBPRINT
from tests.certificates.authentication.engine_table.rule_cases import bound, group, key, listed, pinned, policy, revoked
from tests.support.certificates.chains import AT, YEAR, Identity, authority

ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True)
SUB = LINE.issue("Sub CA", ca=True)
DEVICE = LINE.issue("press-9", dns=["press-9.plant.example", "press-9"], ips=["10.0.0.9"])
DEEP = SUB.issue("press-9", key_label="deep")
STRANGER = authority("Other CA").issue("press-9")
EXPIRED = LINE.issue("press-9", not_before=AT - 3 * YEAR, not_after=AT - YEAR, key_label="old")
TEMPLATE = Template(7, "line-ca", key(LINE), 1, "ClientCertificateSubject", SUBJECT, "Line A", {"kind": "press"})
BY_DNS = replace(TEMPLATE, source="ClientCertificateDns", validation_scheme=DNS)
BY_IP = replace(TEMPLATE, source="ClientCertificateIp", validation_scheme=IP)
BY_PRINT = replace(TEMPLATE, validation_scheme=THUMBPRINT)


@dataclass(frozen=True)
class Row:
    """`objection`: its code; "" for a device that is registered, None for one that no template is about."""

    id: str
    objection: str | None = ""
    device: Identity = DEVICE
    chain: tuple[Identity, ...] = ()
    user_name: str | None = "press-9"
    rules: NamespaceRules = NO_RULES
    clients: tuple[ClientRecord, ...] = ()
    sources: tuple[str, ...] = ()
    template: Template | None = TEMPLATE
    registered: dict[str, Any] = field(default_factory=dict)  # of the client

    def found(self) -> Newcomer | None:
        clients = {authentication_name_key(each.authentication_name): each for each in self.clients}
        cas = (TrustedCA("line-ca", LINE.der),)
        state = NamespaceState(cas, clients, self.sources, rules=self.rules)
        sent: dict[str, Any] = {"presented": self.device.der, "chain": [each.der for each in self.chain]}
        sent |= {"user_name": self.user_name, "state": state, "at": AT}
        templates = {self.template.key: self.template} if self.template is not None else {}
        return newcomer(authenticate(**sent), templates=templates, **sent)


def a_client(name: str, **fields: Any) -> ClientRecord:
    return ClientRecord(name, name, fields.pop("scheme", SUBJECT), **fields)


both = bindings_of([IssuerBinding(key(LINE), "line-ca", teams=("Line A",), patterns=("pump-*",))])
ROWS = (
    Row("registered", registered={"name": "press-9", "team": "Line A", "attributes": {"kind": "press"}}),
    Row("below an intermediate that it sends", device=DEEP, chain=(SUB,)),
    Row("the certificate's spelling", user_name="PRESS-9", registered={"authentication_name": "press-9"}),
    Row("without a user name", user_name=None, sources=("ClientCertificateSubject",)),
    Row("no name at all", None, user_name=None),
    Row("the name of another device", "scheme-compared", user_name="pump-1"),
    Row("the name is in another part", "scheme-compared", user_name="10.0.0.9"),
    Row("by DNS", user_name="press-9.plant.example", template=BY_DNS, registered={"validation_scheme": DNS}),
    Row("by IP address", user_name="10.0.0.9", template=BY_IP, registered={"name": "10.0.0.9"}),
    Row("by thumbprint", template=BY_PRINT, registered={"thumbprints": (DEVICE.thumbprint,)}),
    Row("by thumbprint, of another name", "scheme-compared", user_name="pump-1", template=BY_PRINT),
    Row("no template", None, template=None),
    Row("the template of another CA", None, template=replace(TEMPLATE, key=key(ROOT))),
    Row("below another CA", None, device=STRANGER),
    Row("expired", None, device=EXPIRED),
    Row("a client of this name", None, clients=(a_client("press-9"),)),
    Row("a disabled client of this name", None, clients=(a_client("press-9", enabled=False),)),
    Row(
        "its certificate is a disabled client's",
        "has-a-client",
        user_name="press-9.plant.example",
        template=BY_DNS,
        clients=(a_client("press-9", enabled=False),),
    ),
    Row(
        "its thumbprint is another client's",
        "has-a-client",
        clients=(a_client("pump-1", scheme=THUMBPRINT, thumbprints=(DEVICE.thumbprint,)),),
    ),
    Row("revoked", "not-revoked", rules=revoked(DEVICE)),
    Row("its intermediate is revoked", "not-revoked", device=DEEP, chain=(SUB,), rules=revoked(SUB)),
    Row("on a revocation list", "not-revoked", rules=listed(LINE, DEVICE)),
    Row("too old", "within-policy", rules=policy(min_ec_bits=384)),
    Row("a pin is about a registered name", "key-pinned", rules=pinned(ROOT, name="press-9")),
    Row("the CA is bound to the team", rules=bound(LINE, teams=("Line A",))),
    Row("the CA is bound to another team", "issuer-vouches", rules=bound(LINE, teams=("Line B",))),
    Row("another team, and the name", "team", rules=bound(LINE, teams=("Line B",), patterns=("press-*",))),
    Row("the team, and another name", "name", rules=NamespaceRules(bindings=both)),
    Row("the team and the name", rules=bound(LINE, teams=("Line A",), patterns=("press-*",))),
    Row("the CA is bound to a group", rules=bound(LINE, groups=(group("attributes.kind = 'press'"),))),
    Row("the CA counts for no client any more", "issuer-vouches", rules=bound(LINE)),
    Row(
        "an intermediate is bound to other names",
        "name",
        device=DEEP,
        chain=(SUB,),
        rules=bound(SUB, teams=("Line A",), patterns=("pump-*",)),
    ),
    Row("a name like the template's", template=replace(TEMPLATE, patterns=("pump-*", "PRESS-*"))),
    Row("no name like the template's", "name", template=replace(TEMPLATE, patterns=("pump-*",))),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_who_is_registered(row: Row) -> None:
    found = row.found()
    assert (None if found is None else found.objection) == row.objection
    if found is not None:
        assert found.may_be_registered == (not found.objection)
        assert bool(found.sentence) == bool(found.objection)
        assert {name: getattr(found.client, name) for name in row.registered} == row.registered


def test_two_names_of_clients_never_meet() -> None:
    assert client_name("press-9") == "press-9"
    assert client_name("a@b") != client_name("a/b")
    names = [client_name(name) for name in ("a@b", "..", ".", "Prüfstand 4", "spiffe://plant/a", "x" * 128, "é" * 128)]
    assert all(1 <= len(name) <= 128 and set(name) - {"."} for name in names)
    assert client_name("é" * 127 + "a") != client_name("é" * 128)
    assert client_name("A@B") != client_name("a@c")


def test_the_step_says_what_came_of_it() -> None:
    found = Row("").found()
    assert found is not None
    step = next(step for step in explained(found.decision, "registered", "Hello.").steps if step.code == "client-found")
    assert step.sentence.endswith(" Hello.")
    assert ("first contact", "registered") in step.values
