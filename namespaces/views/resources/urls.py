"""The addresses of a resource type's pages, and the names that they accept."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter

from namespaces.models import Client
from namespaces.views.resources import pages as views
from namespaces.views.resources.kinds import Kind
from namespaces.views.sharing.ownership import resource_team


class ClientNameConverter(StringConverter):
    """Only names that Azure allows for a client reach a view."""

    regex = r"[-a-zA-Z0-9:._]{1,128}"


class ResourceNameConverter(StringConverter):
    """Only names that Azure allows for the other resources reach a view."""

    regex = r"[a-zA-Z0-9-]{1,50}"


register_converter(ClientNameConverter, "client_name")
register_converter(ResourceNameConverter, "resource_name")


def resource_urls(kind: Kind, *, create_route: str = "") -> Iterator[URLPattern]:
    """Yield the addresses of one type: client-groups/, create-client-group/, client-groups/NAME/update/, …"""
    noun = kind.stem.replace("_", "-")
    converter = "client_name" if kind.model is Client else "resource_name"
    create = f"<int:pk>/{create_route or f'create-{noun}'}/"
    one = f"<int:pk>/{noun}s/<{converter}:name>/"
    routes: list[tuple[str, Any, str]] = [
        (f"<int:pk>/{noun}s/", views.resource_list, "list"),
        (f"<int:pk>/{noun}-states/", views.resource_states, "states"),
        (create, views.resource_create, kind.create_action),
        (one, views.resource_detail, "detail"),
        (f"{one}update/", views.resource_update, "update"),
        (f"{one}delete/", views.resource_delete, "delete"),
        (f"{one}team/", resource_team, "team"),
        (f"{one}retry/", views.resource_retry, "retry"),
        (f"{one}activity/", views.resource_activity, "activity"),
        (f"{one}json/", views.resource_json, "json"),
        (f"{one}commands/", views.resource_commands, "commands"),
    ]
    if kind.checked_fields == ("name",):
        routes.append((f"{create}check-name/", views.resource_check_name, "check_name"))
    else:
        routes.append((f"{create}check/<slug:field>/", views.resource_check_name, "create_check"))
    if kind.draft is not None:
        routes.append((f"{create}draft/", views.resource_create_draft, "create_draft"))
        routes.append((f"{one}update/draft/", views.resource_update_draft, "update_draft"))
    if kind.listing.may_choose_columns:
        routes.append((f"<int:pk>/{noun}-columns/", views.resource_columns, "columns"))
    if kind.exported:
        routes.append((f"<int:pk>/{noun}s.csv", views.resource_csv, "csv"))
        routes.append((f"<int:pk>/{noun}s.<file_ending:ending>", views.resource_export, "export"))
    for route, view, action in routes:
        yield path(route, view, {"kind": kind}, name=f"{kind.stem}_{action}")
