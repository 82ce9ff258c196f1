"""The site map."""

from django.urls import include, path

urlpatterns = [
    path("", include("portal.shell_urls")),
    path("namespaces/", include("namespaces.urls")),
    path("namespaces/", include("certificates.urls")),
    path("", include("sync.urls")),
]

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.permission_denied"
handler404 = "portal.views.errors.page_not_found"
handler500 = "portal.views.errors.server_error"
