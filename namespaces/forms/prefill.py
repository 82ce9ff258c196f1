"""Links to forms with values filled in, and the reading of such links. The forms check the values like typed ones, and
nothing is saved until the user saves it.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from namespaces.forms.attributes import rows_of
from namespaces.models import Client, Namespace
from namespaces.pages.topic_rule_effects import Explained
from namespaces.rules.clients import MAX_NAME_LENGTH, MAX_THUMBPRINTS, THUMBPRINT_SCHEME, check_client_name
from namespaces.rules.errors import RuleError
from portal.listing import asked_text

MOST_TRIED = 100  # names after the one of a client that is duplicated


def create_client_url(namespace_pk: int, *, authentication_name: str, scheme: str, thumbprint: str = "") -> str:
    """Return the link that creates a client with these values; it proposes the client name where that is valid."""
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


def rule_to_add_url(explained: Explained) -> str:
    """Return the link to the rule that a denied client lacks, where it grants least.

    That is a binding for a topic space that holds the topic; else one more template of a space that the client may use
    already; else a topic space of its own.
    """
    pk = explained.client.namespace_id
    if not explained.spaces:
        query = urlencode({"templates": explained.template})
        if explained.own_spaces:
            return f"{reverse('namespaces:topic_space_update', args=[pk, explained.own_spaces[0]])}?{query}"
        return f"{reverse('namespaces:topic_space_create', args=[pk])}?{query}"
    values = {"topic_space_name": explained.spaces[0], "permission": explained.permission}
    if len(explained.groups) == 1:  # the user chooses among several
        values["client_group_name"] = explained.groups[0]
    return f"{reverse('namespaces:permission_binding_create', args=[pk])}?{urlencode(values)}"


def filled_in(query: QueryDict) -> dict[str, Any]:
    """Return the initial values of the form from such a link."""
    names = ("name", "authentication_name", "validation_scheme")
    values: dict[str, Any] = {name: asked_text(query, name) for name in names if name in query}
    if "thumbprints" in query:
        values["thumbprints"] = [text[:200] for text in query.getlist("thumbprints")[:2]]
    return values


def add_source_url(namespace_pk: int, source: str) -> str:
    """Return the link that adds this source of authentication names after those in use."""
    query = f"?{urlencode({'source': source})}" if source else ""
    return f"{reverse('namespaces:configuration_detail', args=[namespace_pk])}{query}#id_sources_field"


def update_client_url(
    namespace_pk: int, client_name: str, *, field: str, scheme: str = "", thumbprint: str = ""
) -> str:
    """Return the link that updates this client with these values, at `field` of the form."""
    values = {"validation_scheme": scheme, "thumbprints": thumbprint}
    query = urlencode({name: value for name, value in values.items() if value})
    url = reverse("namespaces:client_update", args=[namespace_pk, client_name])
    return f"{url}{'?' if query else ''}{query}#{field}"


def thumbprint_place(thumbprints: Sequence[str]) -> int:
    """Return the index for one more thumbprint: that of an invalid one, else the first free one, else the secondary."""
    no_sha256 = next((at for at, text in enumerate(thumbprints) if len(text) != 64), len(thumbprints))
    return min(no_sha256, MAX_THUMBPRINTS - 1)


def filled_in_settings(client: Client, query: QueryDict) -> dict[str, Any]:
    """Return the settings of this client that such a link changes; empty where it changes none."""
    values: dict[str, Any] = {}
    if "validation_scheme" in query:
        values["validation_scheme"] = asked_text(query, "validation_scheme")
    if "thumbprints" in query and query["thumbprints"] not in client.thumbprints:
        thumbprints = list(client.thumbprints)
        place = thumbprint_place(thumbprints)
        thumbprints[place : place + 1] = [query["thumbprints"][:200]]
        values["thumbprints"] = thumbprints
    return values


def like(namespace: Namespace, name: str) -> dict[str, Any]:
    """Return the arguments of the form for a client like the one with this name; empty where the person does not see one.

    What identifies a client is left out: its authentication name and its thumbprints.
    """
    row = Client.visible_to(namespace.sight).present().filter(namespace=namespace).named(name).first()
    if row is None:
        return {}
    names = ("validation_scheme", "state", "description")
    initial = {each: getattr(row, each) for each in names}
    initial |= {"name": next_name(namespace, row.name), "team": row.team_id}
    return {"initial": initial, "rows": rows_of(row.attributes)}


def next_name(namespace: Namespace, name: str) -> str:
    """Return the name with the next number that is free: press-09 after press-08. "" for a name without a number."""
    found = re.fullmatch(r"(.*?)([0-9]{1,9})", name)
    if found is None:
        return ""
    stem, digits = found.groups()
    names = [f"{stem}{int(digits) + more:0{len(digits)}}" for more in range(1, MOST_TRIED)]
    lowered = Client.visible_to(namespace.sight).filter(namespace=namespace, name__istartswith=stem)
    taken = {each.lower() for each in lowered.values_list("name", flat=True)}
    free = next((each for each in names if each.lower() not in taken), "")
    try:
        check_client_name(free)
    except RuleError:
        return ""
    return free
