from django.urls import URLPattern, path

from namespaces import converters  # noqa: F401 - registers the names' converters
from namespaces.views import activity, clients, connections, namespaces

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
    # Clients
    path("<int:pk>/clients/", clients.client_list, name="client_list"),
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
    path("<int:pk>/clients/<client_name:name>/json/", clients.client_json, name="client_json"),
    # Connections
    path("<int:pk>/connections/", connections.connection_list, name="connection_list"),
    path("<int:pk>/connections/newer/", connections.connection_newer, name="connection_newer"),
    path("<int:pk>/connections/<int:cursor>/", connections.connection_detail, name="connection_detail"),
]
