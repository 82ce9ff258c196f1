"""The rules that Azure cannot express × certificates: what each rule lets pass, what it refuses, and what its step shows."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from cryptography import x509

from certificates.authentication.engine import ClientRecord, Decision, NamespaceState, TrustedCA, authenticate
from certificates.authentication.rules.revocation_lists import read_list
from certificates.authentication.rules.types import (
    Group,
    IssuerBinding,
    NamespaceRules,
    Pin,
    Policy,
    Revocation,
    RevocationList,
    TimeWindow,
    bindings_of,
)
from certificates.x509.certificate import load_certificate, public_key_hash
from certificates.x509.serial_numbers import serial_digits
from namespaces.authorization.group_queries import parse_query
from tests.certificates.authentication.engine_table.cases import SUBJECT, THUMBPRINT, Plant
from tests.support.certificates.chains import AT, Identity, authority
from tests.support.certificates.revocation_lists import DAY, Revoked, revocation_list, serial_of

PLANT = Plant(AT)
ROOT, LINE, SENSOR = PLANT.root, PLANT.line, PLANT.sensor
OTHER = authority("Other Root CA")
TWIN = OTHER.issue("Line 1 CA", ca=True, key_label="another key")  # of the same name as LINE
SUB = PLANT.root.issue("Sub CA", ca=True)
DEEP = SUB.issue("sensor-1", key_label="deep")
TWIN_SENSOR = TWIN.issue("sensor-1")  # the serial number of SENSOR, and the name of its issuer
OLD = LINE.issue("sensor-1", not_before=AT - 100 * DAY)
RSA_SENSOR = LINE.issue("sensor-1", key="RSA 2048")
P384 = LINE.issue("sensor-1", key="P-384")
ED = LINE.issue("sensor-1", key="Ed25519")
BERLIN = ZoneInfo("Europe/Berlin")
ALL_DAYS = frozenset(range(7))
REVOKED, VOUCHES, POLICY, PINNED = "not-revoked", "issuer-vouches", "within-policy", "key-pinned"


def client(team: str = "Line A", scheme: str = SUBJECT, **fields: Any) -> ClientRecord:
    thumbprints = (SENSOR.thumbprint,) if scheme == THUMBPRINT else ()
    attributes = {"kind": "pump", "floor": 2}
    return ClientRecord("Press-1", "sensor-1", scheme, thumbprints, True, team, attributes, **fields)


def key(identity: Identity) -> str:
    return public_key_hash(identity.der)


def revoked(identity: Identity, *, by: str = "both", issuer: Identity | None = None, **fields: Any) -> NamespaceRules:
    facts: dict[str, Any] = {}
    if by in ("both", "thumbprint"):
        facts["thumbprint"] = identity.thumbprint
    if by in ("both", "serial"):
        certificate = load_certificate(identity.der)
        facts |= {"serial": serial_digits(certificate.serial_number), "issuer": certificate.issuer}
        facts["issuer_key"] = key(issuer) if issuer is not None else ""
    return NamespaceRules(revocations=(Revocation(**facts | fields),))


@cache
def a_list(issuer: Identity, *entries: Revoked, days: int = 7) -> RevocationList:
    crl = revocation_list(issuer, *entries, this_update=AT - 30 * DAY, next_update=AT + days * DAY)
    return read_list(crl, [load_certificate(issuer.der)], at=AT)


def listed(issuer: Identity, *entries: Identity | Revoked, days: int = 7, **fields: Any) -> NamespaceRules:
    found = [each if isinstance(each, Revoked) else Revoked(serial_of(each)) for each in entries]
    return NamespaceRules(lists=(a_list(issuer, *found, days=days),), **fields)


def bound(*identities: Identity, **fields: Any) -> NamespaceRules:
    return NamespaceRules(bindings=bindings_of(IssuerBinding(key(each), each.name, **fields) for each in identities))


def group(query: str) -> Group:
    return Group("pumps", parse_query(query) if query else None)


def policy(**fields: Any) -> NamespaceRules:
    return NamespaceRules(policy=Policy(**fields))


def window(start: str, end: str, days: frozenset[int] = ALL_DAYS, zone: ZoneInfo = BERLIN) -> TimeWindow:
    return TimeWindow(days, time.fromisoformat(start), time.fromisoformat(end), zone)


def pinned(*identities: Identity, name: str = "press-1") -> NamespaceRules:
    return NamespaceRules(pins={name: Pin({key(each): each.name for each in identities})})


@dataclass(frozen=True)
class Row:
    """One row: the rules, and the step that refuses, or "" where the client is accepted. `shows` is in the step of the rule."""

    id: str
    rules: NamespaceRules
    fails_at: str = ""
    shows: tuple[str, ...] = ()
    presented: Identity = SENSOR
    chain: tuple[Identity, ...] = ()
    uploaded: tuple[Identity, ...] = (LINE,)
    client: ClientRecord = field(default_factory=client)
    at: datetime = AT

    def state(self) -> NamespaceState:
        cas = tuple(TrustedCA(each.name, each.der) for each in self.uploaded)
        return NamespaceState(cas, {"sensor-1": self.client}, rules=self.rules)

    def decide(self) -> Decision:
        return decide(self, self.state())


def decide(row: Row, state: NamespaceState) -> Decision:
    sent = [each.der for each in row.chain]
    return authenticate(presented=row.presented.der, chain=sent, user_name="sensor-1", state=state, at=row.at)


STRANGER = SUB.issue("sensor-2")
BY_THUMBPRINT = client(scheme=THUMBPRINT)
# AT is Sunday, 1 March 2026, 13:00 in Berlin.
ROWS = (
    # Revocation by hand.
    Row("revoked: another certificate", revoked(STRANGER)),
    Row("revoked: by thumbprint", revoked(SENSOR, by="thumbprint"), REVOKED, ("thumbprint",)),
    Row("revoked: by issuer and serial number", revoked(SENSOR, by="serial"), REVOKED, ("serial number",)),
    Row("revoked: by the issuer's key and serial number", revoked(SENSOR, by="serial", issuer=LINE), REVOKED),
    Row(
        "revoked: with its reason and day",
        revoked(SENSOR, reason="keyCompromise", revoked_at=AT - DAY),
        REVOKED,
        ("key compromise", "28 Feb 2026"),
    ),
    Row("revoked: on hold", revoked(SENSOR, reason="certificateHold", revoked_at=AT - DAY), REVOKED, ("on hold",)),
    Row("revoked: from tomorrow on", revoked(SENSOR, revoked_at=AT + DAY), REVOKED),
    Row("revoked: a reason that is not known", revoked(SENSOR, reason="misprint"), REVOKED, ("misprint",)),
    Row(
        "revoked: the serial number of a namesake's certificate, by key",
        revoked(TWIN_SENSOR, by="serial", issuer=TWIN),
    ),
    Row("revoked: the serial number of a namesake's certificate, by name", revoked(TWIN_SENSOR, by="serial"), REVOKED),
    Row("revoked: the uploaded CA", revoked(LINE), REVOKED, ("CN=Line 1 CA",)),
    Row("revoked: the root above the uploaded CA", revoked(ROOT)),
    Row(
        "revoked: an intermediate that the client sent",
        revoked(SUB),
        REVOKED,
        ("CN=Sub CA",),
        presented=DEEP,
        chain=(SUB,),
        uploaded=(ROOT,),
    ),
    Row(
        "revoked: an intermediate that was sent but not needed",
        revoked(SUB),
        chain=(SUB,),
    ),
    Row("revoked: Thumbprint Match", revoked(SENSOR), REVOKED, client=BY_THUMBPRINT),
    Row("revoked: Thumbprint Match, by serial number", revoked(SENSOR, by="serial", issuer=LINE), REVOKED, client=BY_THUMBPRINT),
    Row("revoked: Thumbprint Match, its CA", revoked(LINE), client=BY_THUMBPRINT),
    # Revocation by list.
    Row("list: another certificate", listed(LINE, STRANGER), "", ("revocation list of CN=Line 1 CA, number 1",)),
    Row("list: revoked", listed(LINE, SENSOR), REVOKED, ("revocation list of CN=Line 1 CA, number 1",)),
    Row(
        "list: on hold",
        listed(LINE, Revoked(serial_of(SENSOR), x509.ReasonFlags.certificate_hold)),
        REVOKED,
        ("on hold", "27 Feb 2026"),
    ),
    Row(
        "list: taken off",
        listed(LINE, Revoked(serial_of(SENSOR), x509.ReasonFlags.remove_from_crl)),
        "",
        ("CN=sensor-1 on 27 Feb 2026",),
    ),
    Row("list: a namesake's, with this serial number", listed(TWIN, SENSOR)),
    Row("list: of the root, with this serial number", listed(ROOT, SENSOR)),
    Row("list: of the root, the uploaded intermediate", listed(ROOT, LINE), REVOKED, ("CN=Line 1 CA",)),
    Row(
        "list: of the root, an intermediate that the client sent",
        listed(ROOT, SUB),
        REVOKED,
        ("CN=Sub CA",),
        presented=DEEP,
        chain=(SUB,),
        uploaded=(ROOT,),
    ),
    Row("list: of an intermediate that the client sent", listed(SUB, DEEP), REVOKED, (), DEEP, (SUB,), (ROOT,)),
    Row(
        "list: of a renewed CA with the same key",
        listed(ROOT.issue("Line 1 CA", ca=True, path_length=3), SENSOR),
        REVOKED,
    ),
    Row("list: old, and kept", listed(LINE, STRANGER, days=-1), "", ("Warning", "28 Feb 2026 12:00 UTC")),
    Row("list: old, and still counts", listed(LINE, SENSOR, days=-1), REVOKED, ("no reason given",)),
    Row(
        "list: old, and refused",
        listed(LINE, STRANGER, days=-1, refuses_stale_lists=True),
        REVOKED,
        ("28 Feb 2026 12:00 UTC",),
    ),
    Row("list: at its last second", listed(LINE, STRANGER, days=0, refuses_stale_lists=True)),
    Row(
        "list: a second too old",
        listed(LINE, STRANGER, days=0, refuses_stale_lists=True),
        REVOKED,
        at=AT + timedelta(seconds=1),
    ),
    Row("list: of another CA, old", listed(TWIN, STRANGER, days=-1, refuses_stale_lists=True)),
    Row("list: Thumbprint Match", listed(LINE, SENSOR), REVOKED, client=BY_THUMBPRINT),
    Row("list: Thumbprint Match, a namesake's list", listed(TWIN, SENSOR), client=BY_THUMBPRINT),
    # What a CA vouches for.
    Row("binding: of another CA", bound(SUB, teams=("Line B",)), "", ("count for every client",)),
    Row("binding: its team", bound(LINE, teams=("Line A",)), "", ("team Line A",)),
    Row("binding: one of its teams", bound(LINE, teams=("Line B", "Line A"))),
    Row("binding: another team", bound(LINE, teams=("Line B",)), VOUCHES, ("Line B", "Line A", "Line 1 CA")),
    Row("binding: a client without a team", bound(LINE, teams=("Line A",)), VOUCHES, ("none",), client=client("")),
    Row("binding: a team without a name", bound(LINE, teams=("",)), VOUCHES, client=client("")),
    Row("binding: neither team nor group nor name", bound(LINE), VOUCHES, ("no client",)),
    Row("binding: its group", bound(LINE, groups=(group("attributes.kind = 'pump'"),))),
    Row("binding: its group, by name", bound(LINE, groups=(group("authenticationName = 'sensor-1'"),))),
    Row("binding: another group", bound(LINE, groups=(group("attributes.floor > 2"),)), VOUCHES, ("group pumps",)),
    Row("binding: a group that cannot be read", bound(LINE, groups=(group(""),)), VOUCHES),
    Row("binding: its name", bound(LINE, patterns=("sensor-1",))),
    Row("binding: a name in capitals", bound(LINE, patterns=("SENSOR-*",))),
    Row("binding: a pattern", bound(LINE, patterns=("s*r-*",))),
    Row("binding: everyone by a pattern", bound(LINE, patterns=("*",))),
    Row("binding: another pattern", bound(LINE, patterns=("pump-*",)), VOUCHES, ("names like pump-*", "is not among them")),
    Row("binding: the start of the name", bound(LINE, patterns=("sensor",)), VOUCHES),
    Row("binding: overlapping ends", bound(LINE, patterns=("sensor-1*1",)), VOUCHES),
    Row("binding: team or name", bound(LINE, teams=("Line B",), patterns=("sensor-*",))),
    Row("binding: one key uploaded twice", NamespaceRules(
        bindings=bindings_of(
            (IssuerBinding(key(LINE), "line-1", teams=("Line B",)), IssuerBinding(key(LINE), "line-1b", teams=("Line A",)))
        )
    )),
    Row("binding: of the root above the uploaded CA", bound(ROOT, teams=("Line B",))),
    Row("binding: the sent intermediate's", bound(SUB, teams=("Line B",)), VOUCHES, (), DEEP, (SUB,), (ROOT,)),
    Row("binding: the root's, with a free intermediate", bound(ROOT, teams=("Line B",)), VOUCHES, (), DEEP, (SUB,), (ROOT,)),
    Row("binding: of both CAs of the path", bound(ROOT, SUB, teams=("Line A",)), "", (), DEEP, (SUB,), (ROOT,)),
    Row(
        "binding: by key, after a renewal",
        bound(LINE, teams=("Line B",)),
        VOUCHES,
        uploaded=(ROOT.issue("Line 1 CA", ca=True, path_length=3),),
    ),
    Row("binding: by key, not by name", bound(TWIN, teams=("Line B",))),
    Row("binding: Thumbprint Match", bound(LINE, teams=("Line B",)), client=BY_THUMBPRINT),
    # Policy.
    Row("policy: young enough", policy(max_age_days=30), "", ("30 days",)),
    Row("policy: a second too old", policy(max_age_days=30), POLICY, ("30 days",), at=AT + timedelta(seconds=1)),
    Row("policy: too old", policy(max_age_days=99), POLICY, ("100 days", "99 days"), OLD),
    Row("policy: an age without end", policy(max_age_days=2**31 - 1), presented=OLD),
    Row("policy: a CA may be older", policy(max_age_days=1), presented=LINE.issue("sensor-1", not_before=AT)),
    Row("policy: too old, Thumbprint Match", policy(max_age_days=29), POLICY, client=BY_THUMBPRINT),
    Row("policy: strong enough", policy(min_ec_bits=256, min_rsa_bits=3072), "", ("EC P-256",)),
    Row("policy: a short curve", policy(min_ec_bits=384), POLICY, ("EC P-256", "EC 384 bits")),
    Row("policy: a short curve of the CA", policy(min_ec_bits=384), POLICY, ("CN=Line 1 CA",), P384),
    Row("policy: Ed25519 as a curve of 256 bits", policy(min_ec_bits=256), presented=ED),
    Row("policy: Ed25519 is too short", policy(min_ec_bits=384), POLICY, ("Ed25519",), ED),
    Row("policy: RSA too short", policy(min_rsa_bits=3072), POLICY, ("RSA 2048", "RSA 3072 bits"), RSA_SENSOR),
    Row("policy: RSA just long enough", policy(min_rsa_bits=2048), presented=RSA_SENSOR),
    Row("policy: RSA is not asked about", policy(min_ec_bits=256), presented=RSA_SENSOR),
    Row("policy: a short curve, Thumbprint Match", policy(min_ec_bits=384), POLICY, client=BY_THUMBPRINT),
    Row("policy: within the hours", policy(windows=(window("06:00", "18:00"),)), "", ("17:00 UTC",)),
    Row("policy: before the hours", policy(windows=(window("13:01", "18:00"),)), POLICY, ("13:00 in Europe/Berlin", "12:01 UTC")),
    Row("policy: at the opening minute", policy(windows=(window("13:00", "18:00"),))),
    Row("policy: at the closing minute", policy(windows=(window("06:00", "13:00"),)), POLICY),
    Row("policy: the second of two windows", policy(windows=(window("01:00", "02:00"), window("12:30", "14:00")))),
    Row("policy: another day", policy(windows=(window("06:00", "18:00", frozenset({0, 1})),)), POLICY, ("Mon–Tue",)),
    Row("policy: over midnight, begun on Saturday", policy(windows=(window("22:00", "14:00", frozenset({5})),))),
    Row("policy: over midnight, begun on Sunday", policy(windows=(window("14:00", "12:00", frozenset({6})),)), POLICY),
    Row("policy: the whole day", policy(windows=(window("00:00", "00:00", frozenset({6})),))),
    Row("policy: the day of another zone", policy(windows=(window("00:00", "00:00", frozenset({6}), ZoneInfo("Pacific/Auckland")),)), POLICY),
    Row("policy: no day at all", policy(windows=(window("00:00", "00:00", frozenset()),)), POLICY, ("not within a week",)),
    # Pins.
    Row("pin: of another client", pinned(SUB, name="press-2"), "", ()),
    Row("pin: the issuer", pinned(LINE), "", ("Line 1 CA",)),
    Row("pin: another CA", pinned(SUB), PINNED, ("Sub CA", "Line 1 CA")),
    Row("pin: one of two", pinned(SUB, LINE)),
    Row("pin: the root above the uploaded CA", pinned(ROOT), PINNED),
    Row("pin: the root, with a sent intermediate", pinned(ROOT), "", (), DEEP, (SUB,), (ROOT,)),
    Row("pin: the sent intermediate", pinned(SUB), "", (), DEEP, (SUB,), (ROOT,)),
    Row("pin: by key, not by name", pinned(TWIN), PINNED),
    Row("pin: by key, after a renewal", pinned(LINE), uploaded=(ROOT.issue("Line 1 CA", ca=True, path_length=3),)),
    Row("pin: no key left", NamespaceRules(pins={"press-1": Pin({})}), PINNED),
    Row("pin: Thumbprint Match, issued there", pinned(LINE), client=BY_THUMBPRINT),
    Row("pin: Thumbprint Match, issued elsewhere", pinned(SUB), PINNED, client=BY_THUMBPRINT),
    Row("pin: Thumbprint Match without a chain", pinned(LINE), PINNED, uploaded=(), client=BY_THUMBPRINT),
    # Azure's own steps come first.
    Row("order: expired before revoked", revoked(SENSOR), "within-validity", at=AT + 400 * DAY),
    Row("order: another issuer before the binding", bound(LINE, teams=("Line B",)), "issuer-found", uploaded=(SUB,)),
)  # fmt: skip
