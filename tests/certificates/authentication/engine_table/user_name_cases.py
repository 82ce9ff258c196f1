"""Rows about the name that a client gives at CONNECT, and about the alternative sources of names."""

from typing import Any

from tests.certificates.authentication.engine_table.cases import (
    COMPARED,
    DNS,
    EMAIL,
    ENABLED,
    FOUND,
    IP,
    NAME,
    THUMBPRINT,
    URI,
    Case,
    Plant,
    a_client,
)
from tests.support.certificates.chains import name_of, self_signed


def name_rows(p: Plant) -> list[Case]:
    renamed = (a_client("authn-of-press", name="sensor-1"),)
    long_name = "s" * 129
    return [
        p.row(
            "name: no MQTT user name and no alternative source", user_name=None, fails_at=NAME,
            shows=("MQTT user name: none",),
            fix=("press-line-client", "sensor-1", "mosquitto: -u", "subject common name"),
        ),
        p.row(
            "name: no MQTT user name, with a certificate of nobody", p.line.issue("sensor-7"), user_name=None,
            fails_at=NAME, shows=("MQTT user name: none",),
            fix=("mosquitto: -u",),
        ),
        p.row(
            "name: no MQTT user name, with a certificate that several clients may use", p.sensor, user_name=None,
            fails_at=NAME, shows=("MQTT user name: none",),
            clients=tuple(
                a_client(f"s-{n}", THUMBPRINT, name=f"press-{n}", thumbprints=(p.sensor.thumbprint,)) for n in range(1, 6)
            ),
            fix=("press-1, press-2, press-3 and 2 more", "(s-1, s-2, s-3)", "mosquitto: -u"),
        ),
        p.row("name: an empty MQTT user name is none", user_name="", fails_at=NAME, shows=("MQTT user name: none",)),
        p.row(
            "name: unknown, with the certificate of a client", user_name="sensor-7", fails_at=FOUND, shows=("sensor-7",),
            fix=("press-line-client", "sensor-1"),
        ),
        p.row(
            "name: unknown", p.line.issue("sensor-7"), user_name="sensor-7", fails_at=FOUND, shows=("sensor-7",),
            fix=("sensor-7",),
        ),
        p.row(
            "name: unknown, with a certificate that several clients may use",
            p.line.issue("sensor-1", dns=["sensor-2"]), user_name="sensor-7", fails_at=FOUND, shows=("sensor-7",),
            clients=(a_client(), a_client("sensor-2", DNS, name="press-2")),
            fix=("press-line-client and press-2", "(sensor-1, sensor-2)", "sensor-7"),
        ),
        p.row(
            "name: that of one client with the certificate of another",
            clients=(a_client(), a_client("sensor-2", name="press-2")), user_name="sensor-2",
            fails_at=COMPARED, shows=("sensor-2",),
            fix=("press-line-client", "sensor-1", "press-2", "subject common name sensor-2"),
        ),
        p.row(
            "name: the client's name instead of its authentication name",
            clients=renamed, fails_at=FOUND, shows=("sensor-1",), fix=("authn-of-press",),
        ),
        p.row(
            "name: spaces around it", user_name=" sensor-1 ", fails_at=FOUND, shows=("␠sensor-1␠",),
            fix=("sensor-1 ",),
        ),
        p.row("name: longer than 128 characters", user_name=long_name, fails_at=FOUND, shows=("s" * 128 + "…",), fix=("129", "128")),
        p.row("name: a line break in it", user_name="sensor-1\n2", fails_at=FOUND, shows=("sensor-1[U+000A]2",)),
        p.row(
            "name: registered with an invisible character in front", clients=(a_client("\u200bsensor-1"),), fails_at=FOUND,
            shows=("sensor-1",), fix=("sensor-1 is registered with an invisible character in front (U+200B)", "[U+200B]sensor-1"),
        ),
        p.row(
            "name: registered with a soft hyphen", clients=(a_client("sensor\u00ad-1"),), fails_at=FOUND, shows=("sensor-1",),
            fix=("sensor-1 is registered with an invisible character inside (U+00AD)",),
        ),
        p.row(
            "name: registered with a no-break space", clients=(a_client("press\u00a01"),), user_name="press 1", fails_at=FOUND,
            shows=("press 1",),
            fix=("press 1 is registered with", "press[U+00A0]1"),
        ),
        p.row(
            "name: sent with an invisible character", user_name="sensor-1\ufeff", fails_at=FOUND, shows=("sensor-1[U+FEFF]",),
            fix=("sensor-1", "U+FEFF", "at the end"),
        ),
        p.row(
            "name: a Cyrillic letter that looks the same", user_name="s\u0435nsor-1", fails_at=FOUND, shows=("s\u0435nsor-1",),
            fix=("sensor-1", "U+0435 CYRILLIC SMALL LETTER IE"),
        ),
        p.row(
            "name: registered with a dash that is no hyphen", clients=(a_client("sensor\u20111"),), fails_at=FOUND,
            shows=("sensor-1",), fix=("sensor-1 is registered with a letter that only looks the same (U+2011 NON-BREAKING HYPHEN)",),
        ),
        p.row("name: no client in the namespace", clients=(), fails_at=FOUND, shows=("sensor-1",)),
        p.row(
            "name: the client is disabled", clients=(a_client(enabled=False),), fails_at=ENABLED,
            shows=("press-line-client", "connection state: Disabled"), fix=("press-line-client", "Enabled"),
        ),
        p.row(
            "name: disabled is reported before a wrong chain", self_signed("sensor-1", at=p.at),
            clients=(a_client(enabled=False),), fails_at=ENABLED, shows=("Disabled",),
        ),
        p.row(
            "name: another registered client's name", clients=(a_client(), a_client("sensor-2", name="other")),
            user_name="sensor-2", fails_at=COMPARED, shows=("sensor-2", "sensor-1"),
        ),
    ]  # fmt: skip


def source_rows(p: Plant) -> list[Case]:
    subject, dns, uri, ip, mail = (f"ClientCertificate{kind}" for kind in ("Subject", "Dns", "Uri", "Ip", "Email"))
    dns_name = "sensor-1.plant.example"
    both = p.leaf(dns=[dns_name])
    no_name: dict[str, Any] = {"user_name": None}
    by_dns: dict[str, Any] = {"clients": (a_client(dns_name, DNS),), "user_name": None}
    return [
        p.good("source: subject", sources=(subject,), source=subject, **no_name),
        p.good("source: DNS name", both, sources=(dns,), source=dns, **by_dns),
        p.good(
            "source: URI", p.leaf(uris=["urn:plant:sensor-1"]), sources=(uri,), source=uri,
            clients=(a_client("urn:plant:sensor-1", URI),), **no_name,
        ),
        p.good(
            "source: e-mail address", p.leaf(emails=["s1@plant.example"]), sources=(mail,), source=mail,
            clients=(a_client("s1@plant.example", EMAIL),), **no_name,
        ),
        p.good(
            "source: IPv6 address, client registered in full notation",
            p.leaf(ips=["2001:db8::1"]), sources=(ip,), source=ip,
            clients=(a_client("2001:0DB8:0000:0000:0000:0000:0000:0001", IP),), **no_name,
        ),
        *(
            p.good(
                f"source: IP address, client registered as {registered}", p.leaf(ips=[address]), sources=(ip,), source=ip,
                clients=(a_client("sensor-1", name="another"), a_client(registered, IP)), **no_name,
            )
            for address, registered in (
                ("2001:db8::1", "[2001:db8::1]"),
                ("2001:db8::1", "2001:DB8:0:0::1"),
                ("64:ff9b::c000:221", "64:ff9b::192.0.2.33"),
                ("192.0.2.17", "[192.0.2.17]"),
            )
        ),
        p.good(
            "source: of two clients with one address, the one registered as the certificate says it",
            p.leaf(ips=["2001:db8::1"]), sources=(ip,), source=ip, client="as-said",
            clients=(a_client("[2001:db8::1]", IP, name="brackets"), a_client("2001:db8::1", IP, name="as-said")), **no_name,
        ),
        p.good("source: the configured order counts, DNS first", both, sources=(dns, subject), source=dns, **by_dns),
        p.good(
            "source: the configured order counts, subject first", both, sources=(subject, dns), source=subject, **no_name
        ),
        p.good("source: an empty one falls to the next", both, sources=(mail, uri, dns), source=dns, **by_dns),
        p.row(
            "source: an unknown name does not fall to the next", both, sources=(subject, dns), source=subject,
            fails_at=FOUND, shows=("sensor-1",), **by_dns,
        ),
        p.row(
            "source: only the first of several values is taken", p.leaf(dns=["first.example", dns_name]),
            sources=(dns,), source=dns, fails_at=FOUND, shows=("first.example",), **by_dns,
        ),
        p.row(
            "source: every one is empty", sources=(mail, ip), fails_at=NAME,
            shows=("ClientCertificateEmail", "ClientCertificateIp"), source="", **no_name,
        ),
        p.row(
            "source: an e-mail address only in the subject", p.leaf(subject=name_of("O=Plant", "emailAddress=ops@plant.example")),
            sources=(mail,), fails_at=NAME, shows=("ops@plant.example",), source="", **no_name,
        ),
        p.good("source: the MQTT user name comes first", both, sources=(dns,), clients=(a_client(), a_client(dns_name, DNS, name="by-dns"))),
        p.row(
            "source: an unknown MQTT user name does not fall to a source", sources=(subject,), user_name="nobody",
            fails_at=FOUND, shows=("nobody",),
        ),
        p.row(
            "source: the name may come from one field and be compared with another", both, sources=(subject,),
            source=subject, user_name=None, clients=(a_client("sensor-1", DNS),), fails_at=COMPARED,
            shows=(dns_name, "sensor-1"),
        ),
    ]  # fmt: skip
