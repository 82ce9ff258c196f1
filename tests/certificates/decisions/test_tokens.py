"""Who asks: good tokens of both versions, and one bad token for each rule."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certificates.decisions.tokens import (
    MAX_TOKEN,
    TOKEN_REFUSALS,
    ExpectedCaller,
    TokenError,
    UnknownKeyError,
    bearer_token,
    check_token,
)
from tests.support.certificates.seeded_keys import rsa_key

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOW = int(AT.timestamp())
TENANT, OTHER = "0d0e7b2c-58a1-4a36-9a0e-3c6f0c1a2b3c", "9d1f2b3c-0000-4a36-9a0e-3c6f0c1a2b3c"
APP, PRINCIPAL = "5f2c1b7e-1111-4f6e-8a55-0b7a7e0f9c10", "77aa7e0f-2222-4c10-8a55-0b7a7e0f9c10"
URI = "api://portal.contoso.example"
KEY, NEXT_KEY, WEAK_KEY = rsa_key(2048, "entra-1"), rsa_key(2048, "entra-2"), rsa_key(1024, "entra-weak")
KEYS = {"k1": KEY.public_key(), "weak": WEAK_KEY.public_key()}
EXPECTED = ExpectedCaller(TENANT, f"{URI}/.default", frozenset({PRINCIPAL}), client_id=APP)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a v1 token, with changes; None takes a claim out."""
    every = {
        "ver": "1.0",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "aud": URI,
        "tid": TENANT,
        "oid": PRINCIPAL,
        "appid": APP,
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW + 3600,
    } | changes
    return {name: value for name, value in every.items() if value is not None}


def of_v2(**changes: Any) -> dict[str, Any]:
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    return claims(**{"ver": "2.0", "iss": issuer, "aud": APP, "azp": APP, "appid": None} | changes)


def signed(payload: dict[str, Any], *, key: Any = KEY, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": "k1"} | header)


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed_text(header: bytes, payload: bytes, key: Any = KEY) -> str:
    """Sign header and payload as they are written, so that they may say something twice."""
    text = f"{part(header)}.{part(payload)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(text.encode(), key)
    return f"{text}.{part(signature)}"


HEADER = b'{"alg":"RS256","kid":"k1","typ":"JWT"}'
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_with_public_key() -> str:
    """The classic: HS256 with the published key as the secret. PyJWT refuses to make it, so it is made by hand."""
    text = ".".join([part(b'{"alg":"HS256","kid":"k1"}'), part(json.dumps(claims()).encode())])
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{text}.{part(algorithm.sign(text.encode(), PUBLIC_PEM))}"


def doubled(name: str, first: str, second: str) -> str:
    text = (
        json.dumps(claims(**{name: None}))[:-1] + f', "{name}": {json.dumps(first)}, "{name}": {json.dumps(second)}}}'
    )
    return signed_text(HEADER, text.encode())


def refusal(token: str, *, keys: Any = KEYS, expected: ExpectedCaller = EXPECTED) -> str:
    with pytest.raises(TokenError) as refused:
        check_token(token, keys=keys, expected=expected, at=AT)
    assert refused.value.sentence == TOKEN_REFUSALS[refused.value.code]
    return refused.value.code


@pytest.mark.parametrize(
    "payload",
    [
        claims(),
        claims(aud=f"{URI}/"),
        claims(aud=APP),
        claims(aud=f"api://{APP}"),
        claims(tid=TENANT.upper(), oid=PRINCIPAL.upper()),
        claims(exp=NOW - 59),  # the clocks differ
        claims(nbf=NOW + 59, iat=NOW + 59),
        of_v2(),
    ],
)
def test_a_token_of_the_namespace_is_taken(payload: dict[str, Any]) -> None:
    checked = check_token(signed(payload), keys=KEYS, expected=EXPECTED, at=AT)
    assert checked.principal == PRINCIPAL
    assert checked.version == payload["ver"]
    assert checked.expires_at == payload["exp"]


def test_a_client_id_may_be_what_is_configured() -> None:
    expected = ExpectedCaller(TENANT, APP, frozenset({PRINCIPAL}))
    assert check_token(signed(of_v2()), keys=KEYS, expected=expected, at=AT).principal == PRINCIPAL
    assert check_token(signed(claims(aud=APP)), keys=KEYS, expected=expected, at=AT).principal == PRINCIPAL


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "token-malformed"),
    "no token": (lambda: "x", "token-malformed"),
    "two parts": (lambda: ".".join(signed(claims()).split(".")[:2]), "token-malformed"),
    "encrypted, five parts": (lambda: "a.b.c.d.e", "token-malformed"),
    "line break inside": (lambda: signed(claims()) + "\n", "token-malformed"),
    "header is no JSON": (lambda: signed_text(b"{", b"{}"), "token-malformed"),
    "header is a list": (lambda: signed_text(b"[]", b"{}"), "token-malformed"),
    "claims are a list": (lambda: signed_text(HEADER, b"[]"), "token-malformed"),
    "claims nested deeply": (lambda: signed_text(HEADER, b'{"a":' * 400 + b"1" + b"}" * 400), "token-malformed"),
    "NaN": (lambda: signed_text(HEADER, b'{"exp":NaN}'), "token-malformed"),
    "huge": (lambda: signed(claims(more="x" * MAX_TOKEN)), "token-too-long"),
    "algorithm none": (lambda: ".".join([part(b'{"alg":"none","kid":"k1"}'), part(b"{}"), ""]), "token-algorithm"),
    "algorithm None": (lambda: signed_text(b'{"alg":"None","kid":"k1"}', b"{}"), "token-algorithm"),
    "no algorithm": (lambda: signed_text(b'{"kid":"k1"}', b"{}"), "token-algorithm"),
    "HS256 with the public key": (hmac_with_public_key, "token-algorithm"),
    "RS512": (lambda: signed(claims(), algorithm="RS512"), "token-algorithm"),
    "PS256": (lambda: signed(claims(), algorithm="PS256"), "token-algorithm"),
    "critical extension": (lambda: signed_text(b'{"alg":"RS256","kid":"k1","crit":["exp"]}', b"{}"), "token-extension"),
    "payload not encoded": (lambda: signed_text(b'{"alg":"RS256","kid":"k1","b64":false}', b"{}"), "token-extension"),
    "a token in a token": (lambda: signed(claims(), cty="JWT"), "token-extension"),
    "no key id": (lambda: signed_text(b'{"alg":"RS256"}', b"{}"), "token-malformed"),
    "key id is a number": (lambda: signed_text(b'{"alg":"RS256","kid":1}', b"{}"), "token-malformed"),
    "two key ids": (lambda: signed_text(b'{"alg":"RS256","kid":"k0","kid":"k1"}', b"{}"), "token-malformed"),
    "unknown key id": (lambda: signed(claims(), key=NEXT_KEY, kid="k2"), "token-key-unknown"),
    "key inside the token": (
        lambda: signed(
            claims(), key=NEXT_KEY, kid="k2", jwk=json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(NEXT_KEY.public_key()))
        ),
        "token-key-unknown",
    ),
    "weak key": (lambda: signed_text(b'{"alg":"RS256","kid":"weak"}', b"{}", WEAK_KEY), "token-key-weak"),
    "another key under this id": (lambda: signed(claims(), key=NEXT_KEY), "token-signature"),
    "claims changed": (
        lambda: ".".join([*signed(claims()).split(".")[:1], part(b'{"ver":"1.0"}'), *signed(claims()).split(".")[2:]]),
        "token-signature",
    ),
    "no version": (lambda: signed(claims(ver=None)), "token-claims"),
    "version 3.0": (lambda: signed(claims(ver="3.0")), "token-claims"),
    "no expiry": (lambda: signed(claims(exp=None)), "token-claims"),
    "expiry as text": (lambda: signed_text(HEADER, json.dumps(claims(exp="soon")).encode()), "token-claims"),
    "expiry true": (lambda: signed_text(HEADER, json.dumps(claims(exp=True)).encode()), "token-claims"),
    "expiry 1e99": (lambda: signed_text(HEADER, json.dumps(claims(exp=1e99)).encode()), "token-claims"),
    "no start": (lambda: signed(claims(nbf=None)), "token-claims"),
    "no time of issue": (lambda: signed(claims(iat=None)), "token-claims"),
    "expired": (lambda: signed(claims(exp=NOW - 60)), "token-expired"),
    "not yet valid": (lambda: signed(claims(nbf=NOW + 61)), "token-not-yet-valid"),
    "issued in the future": (lambda: signed(claims(iat=NOW + 61)), "token-not-yet-valid"),
    "another tenant": (lambda: signed(claims(tid=OTHER, iss=f"https://sts.windows.net/{OTHER}/")), "token-tenant"),
    "no tenant": (lambda: signed(claims(tid=None)), "token-claims"),
    "issuer of another tenant": (lambda: signed(claims(iss=f"https://sts.windows.net/{OTHER}/")), "token-issuer"),
    "issuer without its slash": (lambda: signed(claims(iss=f"https://sts.windows.net/{TENANT}")), "token-issuer"),
    "v1 with the issuer of v2": (
        lambda: signed(claims(iss=f"https://login.microsoftonline.com/{TENANT}/v2.0")),
        "token-issuer",
    ),
    "v2 with the issuer of v1": (lambda: signed(of_v2(iss=f"https://sts.windows.net/{TENANT}/")), "token-issuer"),
    "another audience": (lambda: signed(claims(aud="https://management.azure.com/")), "token-audience"),
    "the scope as audience": (lambda: signed(claims(aud=f"{URI}/.default")), "token-audience"),
    "several audiences": (lambda: signed(claims(aud=[URI, APP])), "token-claims"),
    "two audiences under one name": (lambda: doubled("aud", "https://else.example", URI), "token-malformed"),
    "two principals under one name": (lambda: doubled("oid", OTHER, PRINCIPAL), "token-malformed"),
    "v2 for the URI": (lambda: signed(of_v2(aud=URI)), "token-audience"),
    "another principal of the same application": (lambda: signed(claims(oid=OTHER)), "token-principal"),
    "no principal, but the application": (lambda: signed(claims(oid=None)), "token-claims"),
    "the application as principal": (lambda: signed(claims(oid=APP)), "token-principal"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_token_is_refused_by_the_rule_that_it_breaks(case: str) -> None:
    make, code = BAD[case]
    assert refusal(make()) == code


def test_every_refusal_has_a_bad_token() -> None:
    assert {code for _, code in BAD.values()} | {"token-missing"} == set(TOKEN_REFUSALS)


def test_a_new_key_is_asked_for_and_then_taken() -> None:
    token = signed(claims(), key=NEXT_KEY, kid="k2")
    with pytest.raises(UnknownKeyError):
        check_token(token, keys=KEYS, expected=EXPECTED, at=AT)
    after = {**KEYS, "k2": NEXT_KEY.public_key()}
    assert check_token(token, keys=after, expected=EXPECTED, at=AT).principal == PRINCIPAL


def test_a_namespace_without_an_identity_takes_no_token() -> None:
    assert (
        refusal(signed(claims()), expected=ExpectedCaller(TENANT, URI, frozenset(), client_id=APP)) == "token-principal"
    )


def test_an_empty_audience_takes_no_token() -> None:
    expected = ExpectedCaller(TENANT, "/.default", frozenset({PRINCIPAL}))
    assert refusal(signed(claims(aud="/")), expected=expected) == "token-audience"


def test_a_refusal_shows_no_part_of_the_token() -> None:
    token = signed(claims(oid=OTHER))
    with pytest.raises(TokenError) as refused:
        check_token(token, keys=KEYS, expected=EXPECTED, at=AT)
    said = repr(refused.value) + str(refused.value)
    assert OTHER not in said
    assert not any(piece in said for piece in token.split("."))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "token"])
def test_a_header_without_a_bearer_token(header: str) -> None:
    with pytest.raises(TokenError) as refused:
        bearer_token(header)
    assert refused.value.code == "token-missing"


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer_token("bearer abc") == bearer_token("Bearer  abc ") == "abc"
