"""Find the encoded data inside text: PEM encoded twice, base64 in JSON, XML, YAML and kubeconfig files. Pure.

Sources: RFC 7517 (x5c), Kubernetes' Secrets, Azure Key Vault's `cer`, SAML's X509Certificate.
"""

import re
from collections.abc import Iterator
from itertools import islice

from certificates.x509.containers import as_text, from_base64, is_text, looks_like_der, pem_blocks, without_white_space

MAX_PARTS = 200

# Base64 in one line or in lines of some length; the words after it may be read as part of it, which does no harm.
_RUN = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{40,}+(?:[ \t]{0,8}\r?\n[ \t]{0,80}[A-Za-z0-9+/_-]++)*+")


def encoded_parts(text: bytes) -> Iterator[bytes]:
    """Yield what the base64 in the text decodes to, where it may be DER or text: at most `MAX_PARTS`, each once."""
    seen: set[bytes] = set()
    for part in islice(_decoded(text), MAX_PARTS):
        if part not in seen and (looks_like_der(part) or is_text(as_text(part))):
            seen.add(part)
            yield part


def _decoded(text: bytes) -> Iterator[bytes]:
    for _, body in pem_blocks(text):
        yield from_base64(body)
    for run in _RUN.finditer(text):
        packed = without_white_space(run[0])
        yield from_base64(packed[:-1] if len(packed) % 4 == 1 else packed)
