from django.urls import URLPattern, path

from sync.views import drift as drift_views
from sync.views import fault_training, operators

app_name = "sync"
urlpatterns: list[URLPattern] = [
    # What waits
    path("sync/", operators.sync_all, name="sync_all"),
    path("namespaces/<int:pk>/sync/", operators.sync_overview, name="sync_overview"),
    path("namespaces/<int:pk>/sync/refused/", operators.sync_refused, name="sync_refused"),
    path("namespaces/<int:pk>/sync/retry/", operators.sync_retry, name="sync_retry"),
    path("namespaces/<int:pk>/sync/discard/", operators.sync_discard, name="sync_discard"),
    path("namespaces/<int:pk>/timeline/<int:entry>/", operators.timeline, name="timeline"),
    # What differs in Azure
    path("namespaces/<int:pk>/drift/", drift_views.drift_list, name="drift_list"),
    path("namespaces/<int:pk>/drift/refresh/", drift_views.drift_refresh, name="drift_refresh"),
    path("namespaces/<int:pk>/drift/resolve/", drift_views.drift_resolve, name="drift_resolve"),
    path("namespaces/<int:pk>/drift/<int:finding>/", drift_views.drift_detail, name="drift_detail"),
    # Faults for a training
    path("namespaces/<int:pk>/emulator/", fault_training.emulator, name="emulator"),
    path("namespaces/<int:pk>/emulator/on/", fault_training.fault_on, name="fault_on"),
    path("namespaces/<int:pk>/emulator/off/", fault_training.fault_off, name="fault_off"),
    path("namespaces/<int:pk>/emulator/webhook-order/", fault_training.webhook_order, name="webhook_order"),
    # For machines
    path("metrics", operators.prometheus, name="metrics"),
    path("healthz", operators.health, name="health"),
    path("readyz", operators.ready, name="ready"),
]
