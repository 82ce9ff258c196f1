"""What the decision service is measured beside: the same server, which answers without deciding.

`checked` does what no webhook of this kind can leave out: it checks the token, reads the body and parses the certificate. `bare` answers.

    python -m benchmarks.decision.hello checked fd://7 2 CERTIFICATE KEY
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from certificates.decision_service.tenant_keys import Authority
from certificates.decisions.requests import read_request
from certificates.decisions.tokens import ExpectedCaller, bearer_token, check_token
from certificates.x509.certificate import load_certificate

ANSWER = b'{"decision": "allow", "clientAuthenticationName": "hello"}'


class Hello:
    """An ASGI application. With `expected`, it checks who asks and parses what is asked."""

    def __init__(self, expected: ExpectedCaller | None, authority: str) -> None:
        self._expected = expected
        self._keys = Authority(authority).fetch(expected.tenant) if expected is not None else {}

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if self._expected is not None and scope["method"] == "POST":
            header = dict(scope["headers"])[b"authorization"].decode()
            token = bearer_token(header)
            check_token(token, keys=self._keys, expected=self._expected, at=datetime.now(UTC))
            request = read_request(body)
            assert request.presented is not None
            load_certificate(request.presented)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})


def main(kind: str, address: str, processes: str, certificate: str, key: str) -> None:
    from certificates.decision_service.running import Listening, run

    caller = json.loads(os.environ["BENCH_CALLER"])
    authority = caller.pop("authority")
    expected = ExpectedCaller(**caller | {"principals": frozenset(caller["principals"])})
    run(
        Listening(address, int(processes), certificate, key),
        lambda: Hello(expected if kind == "checked" else None, authority),
    )


if __name__ == "__main__":
    import django

    django.setup()
    main(*sys.argv[1:])
