from django.urls import URLPattern, path

from sync import drift_views, training_views, views

app_name = "sync"
urlpatterns: list[URLPattern] = [
    # What waits
    path("sync/", views.sync_all, name="sync_all"),
    path("namespaces/<int:pk>/sync/", views.sync_overview, name="sync_overview"),
    path("namespaces/<int:pk>/sync/refused/", views.sync_refused, name="sync_refused"),
    path("namespaces/<int:pk>/sync/retry/", views.sync_retry, name="sync_retry"),
    path("namespaces/<int:pk>/sync/discard/", views.sync_discard, name="sync_discard"),
    path("namespaces/<int:pk>/timeline/<int:entry>/", views.timeline, name="timeline"),
    # What differs in Azure
    path("namespaces/<int:pk>/drift/", drift_views.drift_list, name="drift_list"),
    path("namespaces/<int:pk>/drift/refresh/", drift_views.drift_refresh, name="drift_refresh"),
    path("namespaces/<int:pk>/drift/resolve/", drift_views.drift_resolve, name="drift_resolve"),
    path("namespaces/<int:pk>/drift/<int:finding>/", drift_views.drift_detail, name="drift_detail"),
    # Faults for a training
    path("namespaces/<int:pk>/emulator/", training_views.emulator, name="emulator"),
    path("namespaces/<int:pk>/emulator/on/", training_views.fault_on, name="fault_on"),
    path("namespaces/<int:pk>/emulator/off/", training_views.fault_off, name="fault_off"),
    # For machines
    path("metrics", views.prometheus, name="metrics"),
    path("healthz", views.health, name="health"),
    path("readyz", views.ready, name="ready"),
]
