"""Links into this room for templates of others."""

from collections.abc import Iterable

from django import template

from namespaces import prefill

register = template.Library()


@register.simple_tag
def create_client_url(namespace_pk: int, values: Iterable[tuple[str, str]]) -> str:
    """Create client from pairs of "authentication name", "validation scheme" and "thumbprint"."""
    told = dict(values)
    return prefill.create_client_url(
        namespace_pk,
        authentication_name=told.get("authentication name", ""),
        scheme=told.get("validation scheme", ""),
        thumbprint=told.get("thumbprint", ""),
    )
