"""Names in addresses: only what Azure allows in a name reaches a view."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class ClientNameConverter(StringConverter):
    regex = r"[-a-zA-Z0-9:._]{1,128}"


class ResourceNameConverter(StringConverter):
    regex = r"[a-zA-Z0-9-]{1,50}"


register_converter(ClientNameConverter, "client_name")
register_converter(ResourceNameConverter, "resource_name")
