"""Create client, filled in: the link that carries the values, and the reading of it. The form checks them as anything typed."""

from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from namespaces.grids import asked_text
from namespaces.rules import MAX_NAME_LENGTH, THUMBPRINT_SCHEME, RuleError, check_client_name


def create_client_url(namespace_pk: int, *, authentication_name: str, scheme: str, thumbprint: str = "") -> str:
    """Where a client with these values is created; the client's own name is proposed where the name can be one."""
    name = authentication_name[:MAX_NAME_LENGTH]
    query = {"authentication_name": name, "validation_scheme": scheme}
    try:
        check_client_name(name)
    except RuleError:
        pass
    else:
        query["name"] = name
    if scheme == THUMBPRINT_SCHEME and thumbprint:
        query["thumbprints"] = thumbprint
    return f"{reverse('namespaces:client_create', args=[namespace_pk])}?{urlencode(query)}"


def filled_in(query: QueryDict) -> dict[str, Any]:
    """Initial values of the form from such a link."""
    names = ("name", "authentication_name", "validation_scheme")
    values: dict[str, Any] = {name: asked_text(query, name) for name in names if name in query}
    if "thumbprints" in query:
        values["thumbprints"] = [text[:200] for text in query.getlist("thumbprints")[:2]]
    return values
