from collections.abc import Callable, Iterator

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from namespaces import converters  # noqa: F401 - registers the names' converters
from namespaces.views import (
    activity,
    bulk,
    clients,
    configuration,
    connections,
    downloads,
    namespaces,
    permissions,
    roles,
    topic_rules,
    try_it,
)
from namespaces.views.topic_rule_kinds import KINDS, Kind


def of_kind(kind: Kind) -> Iterator[URLPattern]:
    """The pages of client groups, topic spaces or permission bindings: client-groups/, create-client-group/, …"""
    noun = kind.stem.replace("_", "-")
    create, one = f"<int:pk>/create-{noun}/", f"<int:pk>/{noun}s/<resource_name:name>/"
    pages: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
        (f"<int:pk>/{noun}s/", topic_rules.rule_list, "list"),
        (f"<int:pk>/{noun}-states/", topic_rules.rule_states, "states"),
        (create, topic_rules.rule_create, "create"),
        (f"{create}check-name/", topic_rules.rule_check_name, "check_name"),
        (one, topic_rules.rule_detail, "detail"),
        (f"{one}update/", topic_rules.rule_update, "update"),
        (f"{one}delete/", topic_rules.rule_delete, "delete"),
        (f"{one}retry/", topic_rules.rule_retry, "retry"),
        (f"{one}activity/", topic_rules.rule_activity, "activity"),
        (f"{one}json/", topic_rules.rule_json, "json"),
        (f"{one}commands/", topic_rules.rule_commands, "commands"),
    ]
    if kind.has_draft:
        pages += [
            (f"{create}draft/", topic_rules.rule_create_draft, "create_draft"),
            (f"{one}update/draft/", topic_rules.rule_update_draft, "update_draft"),
        ]
    for route, view, action in pages:
        yield path(route, view, {"kind": kind}, name=f"{kind.stem}_{action}")


app_name = "namespaces"
urlpatterns: list[URLPattern] = [
    # Namespaces
    path("", namespaces.namespace_list, name="namespace_list"),
    path("connect/", namespaces.namespace_connect, name="namespace_connect"),
    path("connect/choices/", namespaces.namespace_choices, name="namespace_choices"),
    path("<int:pk>/", namespaces.namespace_overview, name="namespace_overview"),
    path("<int:pk>/import/", namespaces.namespace_import, name="namespace_import"),
    path("<int:pk>/disconnect/", namespaces.namespace_disconnect, name="namespace_disconnect"),
    path("<int:pk>/activity/", activity.namespace_activity, name="namespace_activity"),
    path("<int:pk>/activity.csv", downloads.activity_csv, name="activity_csv"),
    # Who may do what here
    path("<int:pk>/access-control/", roles.role_list, name="role_list"),
    path("<int:pk>/add-role-assignment/", roles.role_add, name="role_add"),
    path("<int:pk>/add-role-assignment/find/", roles.role_find, name="role_find"),
    path("<int:pk>/access-control/<int:assignment>/remove/", roles.role_delete, name="role_delete"),
    # Configuration
    path("<int:pk>/configuration/", configuration.configuration_detail, name="configuration_detail"),
    path("<int:pk>/configuration/states/", configuration.configuration_states, name="configuration_states"),
    path("<int:pk>/configuration/activity/", configuration.configuration_activity, name="configuration_activity"),
    path("<int:pk>/configuration/json/", configuration.configuration_json, name="configuration_json"),
    path("<int:pk>/configuration/retry/", configuration.configuration_retry, name="configuration_retry"),
    # Clients
    path("<int:pk>/clients/", clients.client_list, name="client_list"),
    path("<int:pk>/clients.csv", downloads.client_csv, name="client_csv"),
    path("<int:pk>/change-clients/", bulk.clients_change, name="clients_change"),
    path("<int:pk>/client-states/", clients.client_states, name="client_states"),
    path("<int:pk>/create-client/", clients.client_create, name="client_create"),
    path("<int:pk>/create-client/draft/", clients.client_create_draft, name="client_create_draft"),
    path("<int:pk>/create-client/check/<slug:field>/", clients.client_create_check, name="client_create_check"),
    path("<int:pk>/clients/<client_name:name>/", clients.client_detail, name="client_detail"),
    path("<int:pk>/clients/<client_name:name>/update/", clients.client_update, name="client_update"),
    path("<int:pk>/clients/<client_name:name>/update/draft/", clients.client_update_draft, name="client_update_draft"),
    path(
        "<int:pk>/clients/<client_name:name>/change-authentication-name/",
        clients.client_change_authentication_name,
        name="client_change_authentication_name",
    ),
    path("<int:pk>/clients/<client_name:name>/delete/", clients.client_delete, name="client_delete"),
    path("<int:pk>/clients/<client_name:name>/retry/", clients.client_retry, name="client_retry"),
    path("<int:pk>/clients/<client_name:name>/activity/", activity.client_activity, name="client_activity"),
    path("<int:pk>/clients/<client_name:name>/try-it/", try_it.client_try, name="client_try"),
    path("<int:pk>/clients/<client_name:name>/try-it/live/", try_it.client_live, name="client_live"),
    path("<int:pk>/clients/<client_name:name>/json/", clients.client_json, name="client_json"),
    path("<int:pk>/clients/<client_name:name>/commands/", clients.client_commands, name="client_commands"),
    # Who may publish and subscribe where
    *(page for kind in KINDS for page in of_kind(kind)),
    path("<int:pk>/query-builder/", permissions.query_builder, name="query_builder"),
    path("<int:pk>/test-permission/", permissions.permission_test, name="permission_test"),
    # Connections
    path("<int:pk>/connections/", connections.connection_list, name="connection_list"),
    path("<int:pk>/connections.csv", downloads.connection_csv, name="connection_csv"),
    path("<int:pk>/connections/newer/", connections.connection_newer, name="connection_newer"),
    path("<int:pk>/connections/<int:cursor>/", connections.connection_detail, name="connection_detail"),
]
