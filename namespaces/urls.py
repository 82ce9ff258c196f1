from django.urls import URLPattern, path

from namespaces.pages.recreation.formats import FORMATS
from namespaces.views import (
    activity,
    bulk,
    client_imports,
    clients,
    configuration,
    connections,
    namespaces,
    permissions,
    recreation,
    roles,
    topic_rules,
    who_can,
)
from namespaces.views.control import change_set_decisions, change_set_edits, change_set_pages, change_sets
from namespaces.views.control import policy as control_policy
from namespaces.views.one_client import renewal, try_it
from namespaces.views.resources.urls import resource_urls
from namespaces.views.sharing import access_requests, ownership, possession

app_name = "namespaces"
urlpatterns: list[URLPattern] = [
    # Namespaces
    path("", namespaces.namespace_list, name="namespace_list"),
    path("connect/", namespaces.namespace_connect, name="namespace_connect"),
    path("connect/choices/", namespaces.namespace_choices, name="namespace_choices"),
    path("activity/", activity.portal_activity, name="portal_activity"),
    path("activity.csv", activity.portal_activity_csv, name="portal_activity_csv"),
    path("activity.<file_ending:ending>", activity.portal_activity_export, name="portal_activity_export"),
    path("<int:pk>/", namespaces.namespace_overview, name="namespace_overview"),
    path("<int:pk>/import/", namespaces.namespace_import, name="namespace_import"),
    path("<int:pk>/import/retry/", namespaces.namespace_import_retry, name="namespace_import_retry"),
    path("<int:pk>/disconnect/", namespaces.namespace_disconnect, name="namespace_disconnect"),
    path("<int:pk>/activity/", activity.namespace_activity, name="namespace_activity"),
    path("<int:pk>/activity.csv", activity.activity_csv, name="activity_csv"),
    path("<int:pk>/activity.<file_ending:ending>", activity.activity_export, name="activity_export"),
    # Who may do what here
    path("<int:pk>/access-control/", roles.role_list, name="role_list"),
    path("<int:pk>/access-control/who/", who_can.who_can, name="who_can"),
    path("<int:pk>/add-role-assignment/", roles.role_add, name="role_add"),
    path("<int:pk>/add-role-assignment/find/", roles.role_find, name="role_find"),
    path("<int:pk>/access-control/<int:assignment>/remove/", roles.role_delete, name="role_delete"),
    path("<int:pk>/access-control/other-teams/", ownership.other_teams, name="other_teams"),
    path("ask-for-access/", access_requests.access_ask_by_name, name="access_ask_by_name"),
    path("ask-for-access/<int:asked>/withdraw/", access_requests.access_withdraw, name="access_withdraw"),
    path("<int:pk>/ask-for-access/", access_requests.access_ask, name="access_ask"),
    path("<int:pk>/access-requests/<int:asked>/grant/", access_requests.access_grant, name="access_grant"),
    path("<int:pk>/access-requests/<int:asked>/decline/", access_requests.access_decline, name="access_decline"),
    # What needs approval
    path("<int:pk>/access-control/approval-policy/", control_policy.control_policy, name="control_policy"),
    path("<int:pk>/change-sets/", change_set_pages.change_sets, name="change_set_list"),
    path("<int:pk>/change-sets/<int:number>/", change_set_pages.change_set_detail, name="change_set_detail"),
    path("<int:pk>/change-sets/<int:number>/json/", change_set_pages.change_set_json, name="change_set_json"),
    *(
        path(
            f"<int:pk>/change-sets/<int:number>/{each}/",
            getattr(change_set_decisions, f"change_set_{each}"),
            name=f"change_set_{each}",
        )
        for each in ("approve", "decline", "comment", "withdraw", "rebase", "confirm", "inverse")
    ),
    path("<int:pk>/change-sets/<int:number>/edit/", change_set_edits.change_set_edit, name="change_set_edit"),
    path("<int:pk>/change-sets/<int:number>/remove/", change_set_edits.change_set_remove, name="change_set_remove"),
    path("<int:pk>/change-sets/<int:number>/request/", change_sets.change_set_request, name="change_set_request"),
    path("<int:pk>/change-sets/<int:number>/emergency/", change_sets.change_set_emergency, name="change_set_emergency"),
    path("<int:pk>/change-sets/<int:number>/discard/", change_sets.change_set_discard, name="change_set_discard"),
    # Files that create it again
    path("<int:pk>/export-template/", recreation.template_export, name="template_export"),
    *(
        path(f"<int:pk>/export-template/{made}.zip", recreation.template_files, {"made": made}, name=f"template_{made}")
        for made in FORMATS
    ),
    # Configuration
    path("<int:pk>/configuration/", configuration.configuration_detail, name="configuration_detail"),
    path("<int:pk>/configuration/states/", configuration.configuration_states, name="configuration_states"),
    path("<int:pk>/configuration/activity/", configuration.configuration_activity, name="configuration_activity"),
    path("<int:pk>/configuration/json/", configuration.configuration_json, name="configuration_json"),
    path("<int:pk>/configuration/commands/", configuration.configuration_commands, name="configuration_commands"),
    path("<int:pk>/configuration/possession/", possession.possession, name="possession"),
    path("<int:pk>/configuration/retry/", configuration.configuration_retry, name="configuration_retry"),
    # Clients
    *resource_urls(clients.CLIENTS),
    path("<int:pk>/import-clients/", client_imports.client_import_files, name="client_import_files"),
    path("<int:pk>/import-clients/<int:run>/", client_imports.client_import, name="client_import"),
    path(
        "<int:pk>/import-clients/<int:run>/options/", client_imports.client_import_options, name="client_import_options"
    ),
    path(
        "<int:pk>/import-clients/<int:run>/result.csv", client_imports.client_import_result, name="client_import_result"
    ),
    path("<int:pk>/import-clients/<int:run>/fix/", client_imports.client_import_fix, name="client_import_fix"),
    path("<int:pk>/import-clients/<int:run>/start/", client_imports.client_import_start, name="client_import_start"),
    path("<int:pk>/import-clients/<int:run>/cancel/", client_imports.client_import_cancel, name="client_import_cancel"),
    path("<int:pk>/import-clients/<int:run>/resume/", client_imports.client_import_resume, name="client_import_resume"),
    path(
        "<int:pk>/import-clients/<int:run>/discard/", client_imports.client_import_discard, name="client_import_discard"
    ),
    path(
        "<int:pk>/import-clients/<int:run>/left-out.csv", client_imports.client_import_left, name="client_import_left"
    ),
    path("<int:pk>/change-clients/", bulk.clients_change, name="clients_change"),
    path(
        "<int:pk>/clients/<client_name:name>/change-authentication-name/",
        clients.client_change_authentication_name,
        name="client_change_authentication_name",
    ),
    path("<int:pk>/clients/<client_name:name>/renew/", renewal.client_renew, name="client_renew"),
    path("<int:pk>/clients/<client_name:name>/renew/end/", renewal.client_renew_end, name="client_renew_end"),
    path("<int:pk>/clients/<client_name:name>/try-it/", try_it.client_try, name="client_try"),
    path("<int:pk>/clients/<client_name:name>/try-it/live/", try_it.client_live, name="client_live"),
    # Who may publish and subscribe where
    *(page for kind in topic_rules.KINDS for page in resource_urls(kind)),
    path("<int:pk>/query-builder/", permissions.query_builder, name="query_builder"),
    path("<int:pk>/test-permission/", permissions.permission_test, name="permission_test"),
    # Connections
    path("<int:pk>/connections/", connections.connection_list, name="connection_list"),
    path("<int:pk>/connections.csv", connections.connection_csv, name="connection_csv"),
    path("<int:pk>/connections.<file_ending:ending>", connections.connection_export, name="connection_export"),
    path("<int:pk>/connections/refused/", connections.refused_operation_list, name="refused_operation_list"),
    path("<int:pk>/connections/issuer-alarms/", connections.issuer_alarm_list, name="issuer_alarm_list"),
    path(
        "<int:pk>/clients/<client_name:name>/issuer-alarms/<int:alarm>/decide/",
        connections.client_issuer_alarm,
        name="client_issuer_alarm",
    ),
    path("<int:pk>/connections/newer/", connections.connection_newer, name="connection_newer"),
    path("<int:pk>/connections/<int:cursor>/", connections.connection_detail, name="connection_detail"),
]
