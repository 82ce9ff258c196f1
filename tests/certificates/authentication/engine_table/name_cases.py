"""Rows about the names in a certificate: the six schemes, and thumbprints."""

from typing import Any

from tests.certificates.authentication.engine_table.cases import (
    COMPARED,
    DAY,
    DNS,
    EMAIL,
    IP,
    THUMBPRINT,
    URI,
    VALIDITY,
    Case,
    Plant,
    a_client,
)
from tests.support.certificates.chains import name_of, self_signed


def subject_rows(p: Plant) -> list[Case]:
    two_names = p.leaf(subject=name_of("CN=spare", "CN=sensor-1"))
    decomposed, composed = "Pru\u0308fstand-7", "Prüfstand-7"
    written = name_of("C=NZ", "O=Contoso", "CN=press-1")
    return [
        *(
            p.row(
                f"subject: registered as {tool} writes it",
                p.leaf(subject=written),
                clients=(a_client(name),),
                user_name=name,
                fails_at=COMPARED,
                shows=("press-1",),
                fix=("CN=press-1,O=Contoso,C=NZ", "or press-1"),
            )
            for tool, name in (
                ("OpenSSL 1.0", "/C=NZ/O=Contoso/CN=press-1"),
                ("OpenSSL", "C = NZ, O = Contoso, CN = press-1"),
                ("openssl x509 -subject", "subject=C = NZ, O = Contoso, CN = press-1"),
                ("Windows", "CN=press-1, O=Contoso, C=NZ"),
                ("certutil", "C=NZ;O=Contoso;CN=press-1"),
                ("curl", "Subject DN: C=NZ; O=Contoso; CN=press-1"),
                ("a program with object identifiers", "2.5.4.3=press-1,2.5.4.10=Contoso,2.5.4.6=NZ"),
                ("JSON", '"CN=press-1,O=Contoso,C=NZ"'),
                ("LDAP with only its common name", "dn: cn=press-1"),
                ("a person", "C=NZ/O=Contoso/CN=press-1"),
            )
        ),
        p.row(
            "subject: a blank at the end",
            p.leaf(subject=name_of("CN=sensor-1 ")),
            fails_at=COMPARED,
            shows=("sensor-1␠", "a blank at the end"),
            fix=("sensor-1",),
        ),
        p.row(
            "subject: an invisible character in front",
            p.leaf(subject=name_of("CN=\u2060sensor-1")),
            fails_at=COMPARED,
            shows=("[U+2060]sensor-1", "in front"),
        ),
        p.row(
            "subject: a blank at the end of the registered name",
            clients=(a_client("sensor-1 "),),
            user_name="sensor-1 ",
            fails_at=COMPARED,
            shows=("sensor-1␠", "the authentication name has a blank at the end"),
        ),
        p.row(
            "subject: an en dash of the registered name",
            clients=(a_client("sensor\u20131"),),
            user_name="sensor\u20131",
            fails_at=COMPARED,
            shows=("the authentication name has a letter that only looks the same", "U+2013 EN DASH"),
            fix=("sensor-1",),
        ),
        p.good(
            "subject: T61String in Latin-1",
            p.leaf(subject=name_of("O=Meller", "CN=sensor-1"), swap=(b"\x0c\x06Meller", b"\x14\x06M\xfcller")),
        ),
        p.good(
            "subject: the common name in T61String",
            p.leaf(swap=(b"\x0c\x08sensor-1", b"\x14\x08s\xe9nsor-1")),
            clients=(a_client("sénsor-1"),),
            user_name="sénsor-1",
        ),
        p.good("subject: the common name"),
        p.good("subject: MQTT user name in capitals", user_name="SENSOR-1"),
        p.good("subject: common name in capitals", p.leaf(subject=name_of("CN=SENSOR-1"))),
        p.good("subject: client registered in capitals", clients=(a_client("SENSOR-1"),)),
        p.good(
            "subject: several RDNs beside the common name",
            p.leaf(subject=name_of("C=DE", "O=Plant", "OU=Line 1", "CN=sensor-1")),
        ),
        p.good("subject: one RDN with two values", p.leaf(subject=name_of("O=Plant", "CN=sensor-1+SERIALNUMBER=77"))),
        p.good("subject: the second of two common names", two_names),
        p.good(
            "subject: the whole distinguished name is the authentication name",
            p.leaf(subject=name_of("O=Plant", "CN=sensor-1")),
            user_name="CN=sensor-1,O=Plant",
            clients=(a_client("CN=sensor-1,O=Plant"),),
        ),
        p.good("subject: BMPString", p.leaf(subject=name_of("CN=sensor-1", bmp=True))),
        p.good(
            "subject: composed and decomposed letters are the same name",
            p.leaf(subject=name_of(f"CN={composed}")),
            user_name=decomposed,
            clients=(a_client(composed),),
        ),
        p.row(
            "subject: another common name",
            p.line.issue("sensor-2"),
            fails_at=COMPARED,
            shows=("sensor-1", "sensor-2"),
            fix=("sensor-1",),
        ),
        p.row(
            "subject: none of two common names",
            p.leaf(subject=name_of("CN=sensor-2", "CN=sensor-3")),
            fails_at=COMPARED,
            shows=("sensor-2, sensor-3", "sensor-1"),
        ),
        p.row(
            "subject: no common name at all",
            p.leaf(subject=name_of("O=sensor-1")),
            fails_at=COMPARED,
            shows=("subject common name presented: none",),
        ),
        p.row(
            "subject: a space more in the common name",
            p.leaf(subject=name_of("CN=sensor-1 ")),
            fails_at=COMPARED,
            shows=("sensor-1 ",),
        ),
        p.row(
            "subject: a Cyrillic letter that looks the same",
            p.leaf(subject=name_of("CN=s\u0435nsor-1")),
            fails_at=COMPARED,
            shows=("s\u0435nsor-1", "sensor-1", "U+0435 CYRILLIC SMALL LETTER IE"),
            fix=("sensor-1",),
        ),
    ]


def dns_rows(p: Plant) -> list[Case]:
    name = "sensor-1.plant.example"
    usual: dict[str, Any] = {"clients": (a_client(name, DNS),), "user_name": name}
    return [
        p.good("dns: the DNS name", p.leaf(dns=[name]), **usual),
        p.good("dns: the last of three DNS names", p.leaf(dns=["a.example", "b.example", name]), **usual),
        p.good("dns: capitals", p.leaf(dns=["Sensor-1.PLANT.example"]), **usual),
        p.good(
            "dns: empty subject with a critical alternative name",
            p.leaf(subject=name_of(), dns=[name], san_critical=True, key_label="empty"),
            **usual,
        ),
        p.row(
            "dns: another DNS name", p.leaf(dns=["sensor-2.plant.example"]), fails_at=COMPARED,
            shows=("sensor-2.plant.example", name), **usual,
        ),
        p.row(
            "dns: a wildcard is no pattern", p.leaf(dns=["*.plant.example"]), fails_at=COMPARED,
            shows=("*.plant.example", name), **usual,
        ),
        p.row(
            "dns: a closing dot is another name", p.leaf(dns=[f"{name}."]), fails_at=COMPARED, shows=(f"{name}.",), **usual
        ),
        p.row(
            "dns: the name stands in the subject only",
            p.leaf(subject=name_of(f"CN={name}")),
            fails_at=COMPARED,
            shows=("DNS name presented: none",),
            fix=("press-line-client", "Subject Matches Authentication Name"),
            **usual,
        ),
        p.row(
            "dns: the name stands in a URI",
            p.leaf(uris=[name]),
            fails_at=COMPARED,
            shows=("DNS name presented: none",),
            fix=("press-line-client", "Uri Matches Authentication Name"),
            **usual,
        ),
    ]  # fmt: skip


def uri_and_email_rows(p: Plant) -> list[Case]:
    uri, mail = "urn:plant:sensor-1", "sensor-1@plant.example"
    by_uri: dict[str, Any] = {"clients": (a_client(uri, URI),), "user_name": uri}
    by_mail: dict[str, Any] = {"clients": (a_client(mail, EMAIL),), "user_name": mail}
    return [
        p.good("uri: the URI", p.leaf(uris=[uri]), **by_uri),
        p.good("uri: the second of two URIs", p.leaf(uris=["urn:plant:sensor-9", uri]), **by_uri),
        p.good("uri: capitals", p.leaf(uris=["URN:Plant:Sensor-1"]), **by_uri),
        p.row(
            "uri: another URI", p.leaf(uris=["urn:plant:sensor-2"]), fails_at=COMPARED,
            shows=("urn:plant:sensor-2", uri), **by_uri,
        ),
        p.row(
            "uri: percent signs are not decoded",
            p.leaf(uris=["urn:plant:sensor%2D1"]), fails_at=COMPARED, shows=("urn:plant:sensor%2D1", uri), **by_uri,
        ),
        p.good("e-mail: the address", p.leaf(emails=[mail]), **by_mail),
        p.good("e-mail: capitals before and after the @", p.leaf(emails=["Sensor-1@Plant.Example"]), **by_mail),
        p.good("e-mail: the second of two addresses", p.leaf(emails=["ops@plant.example", mail]), **by_mail),
        p.row(
            "e-mail: the address only in the subject", p.leaf(subject=name_of("CN=press", f"emailAddress={mail}")),
            fails_at=COMPARED, shows=(mail, "is in the subject"), fix=("subject alternative name",), **by_mail,
        ),
        p.row(
            "e-mail: another address", p.leaf(emails=["sensor-2@plant.example"]), fails_at=COMPARED,
            shows=("sensor-2@plant.example", mail), **by_mail,
        ),
        p.row(
            "e-mail: only a DNS name", p.leaf(dns=["plant.example"]), fails_at=COMPARED,
            shows=("e-mail address presented: none", mail), **by_mail,
        ),
    ]  # fmt: skip


def ip_rows(p: Plant) -> list[Case]:
    def by(name: str) -> dict[str, Any]:
        return {"clients": (a_client(name, IP),), "user_name": name}

    return [
        p.good("ip: IPv4", p.leaf(ips=["192.0.2.17"]), **by("192.0.2.17")),
        p.good("ip: the second of two addresses", p.leaf(ips=["2001:db8::9", "192.0.2.17"]), **by("192.0.2.17")),
        p.good("ip: IPv6 registered as it is usually written", p.leaf(ips=["2001:db8::1"]), **by("2001:db8::1")),
        p.good(
            "ip: IPv6 registered in full",
            p.leaf(ips=["2001:db8::1"]),
            **by("2001:0db8:0000:0000:0000:0000:0000:0001"),
        ),
        p.good("ip: IPv6 registered in capitals", p.leaf(ips=["2001:db8::ab"]), **by("2001:DB8:0:0::AB")),
        p.good("ip: IPv6 registered in brackets", p.leaf(ips=["2001:db8::1"]), **by("[2001:db8::1]")),
        p.row(
            "ip: another IPv4 address", p.leaf(ips=["192.0.2.18"]), fails_at=COMPARED,
            shows=("192.0.2.18", "192.0.2.17"), **by("192.0.2.17"),
        ),
        p.row(
            "ip: another IPv6 address", p.leaf(ips=["2001:db8::2"]), fails_at=COMPARED,
            shows=("2001:db8::2", "2001:db8::1"), **by("2001:db8::1"),
        ),
        p.row(
            "ip: an IPv4 address inside IPv6 is another address",
            p.leaf(ips=["::ffff:192.0.2.17"]), fails_at=COMPARED, shows=("::ffff:", "192.0.2.17"), **by("192.0.2.17"),
        ),
        p.row(
            "ip: the address stands as a DNS name",
            p.leaf(dns=["192.0.2.17"]),
            fails_at=COMPARED,
            shows=("IP address presented: none",),
            fix=("press-line-client", "Dns Matches Authentication Name"),
            **by("192.0.2.17"),
        ),
        p.row(
            "ip: the authentication name is no address",
            p.leaf(ips=["192.0.2.17"]), fails_at=COMPARED, shows=("sensor-1", "192.0.2.17"), **by("sensor-1"),
        ),
        p.row(
            "ip: the authentication name only looks like an address", p.leaf(ips=["192.0.2.17"]), fails_at=COMPARED,
            shows=("192.0.2.017",), fix=("192.0.2.17",), **by("192.0.2.017"),
        ),
    ]  # fmt: skip


def thumbprint_rows(p: Plant) -> list[Case]:
    alone = self_signed("sensor-1", at=p.at, key_label="alone")
    renewed = self_signed("sensor-1", at=p.at, key_label="alone", not_after=p.at + 20 * DAY)
    server_only = p.leaf(purposes=["serverAuth"])
    expired = self_signed("sensor-1", at=p.at, key_label="alone", not_after=p.at - DAY)

    def by(*thumbprints: str) -> dict[str, Any]:
        return {"clients": (a_client(scheme=THUMBPRINT, thumbprints=thumbprints),), "uploaded": {}}

    two = (
        a_client("sensor-1", THUMBPRINT, name="first", thumbprints=(alone.thumbprint,)),
        a_client("sensor-2", THUMBPRINT, name="second", thumbprints=(alone.thumbprint,)),
    )
    return [
        p.row("thumbprint: primary, self-signed, no CA uploaded", alone, **by(alone.thumbprint)),
        p.row("thumbprint: secondary", alone, **by(renewed.thumbprint, alone.thumbprint)),
        p.row("thumbprint: issued by a CA that is not uploaded", **by(p.sensor.thumbprint)),
        p.row("thumbprint: extended key usage is not looked at", server_only, **by(server_only.thumbprint)),
        p.row(
            "thumbprint: one certificate for two clients, told apart by user name",
            alone, clients=two, user_name="sensor-2", client="second", uploaded={},
        ),
        p.row(
            "thumbprint: the certificate was renewed", renewed, fails_at=COMPARED,
            shows=(renewed.thumbprint, alone.thumbprint), fix=(renewed.thumbprint,), **by(alone.thumbprint),
        ),
        p.row("thumbprint: none registered", alone, fails_at=COMPARED, shows=("none", alone.thumbprint), **by()),
        p.row(
            "thumbprint: a SHA-1 thumbprint is none", alone, fails_at=COMPARED,
            shows=("c0ffee" * 6 + "c0ff", alone.thumbprint), **by("c0ffee" * 6 + "c0ff"),
        ),
        p.row(
            "thumbprint: right, but expired", expired, fails_at=VALIDITY, shows=(f"to {p.at - DAY:%d %b %Y}",), **by(expired.thumbprint)
        ),
        p.row(
            "thumbprint: a CA-issued certificate still has to be the registered one",
            fails_at=COMPARED, shows=(p.sensor.thumbprint, alone.thumbprint),
            clients=(a_client(scheme=THUMBPRINT, thumbprints=(alone.thumbprint,)),),
        ),
    ]  # fmt: skip
