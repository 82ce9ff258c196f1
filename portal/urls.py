"""The site map."""

from django.urls import include, path

urlpatterns = [
    path("", include("portal.shell_urls")),
    path("namespaces/", include("namespaces.urls")),
    path("namespaces/", include("certificates.urls")),
]
