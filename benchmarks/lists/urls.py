"""The site map of the portal, with Django admin's list of clients: the same columns, filters and search as ours."""

from django.contrib import admin
from django.urls import include, path

from namespaces.models import Client


class ClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django cannot subscript it
    list_display = (
        *("name", "authentication_name", "validation_scheme", "state", "team", "certificate_issuer"),
        *("certificate_expires_at", "last_seen_at", "generation"),
    )
    list_filter = ("state", "validation_scheme", "team")
    list_select_related = ("team",)
    list_per_page = 50
    list_max_show_all = 0
    search_fields = (
        *("name", "authentication_name", "description", "attributes"),
        *("certificate_issuer", "certificate_subject", "certificate_thumbprint", "thumbprints"),
    )


admin.site.register(Client, ClientAdmin)
urlpatterns = [path("beside/", admin.site.urls), path("", include("portal.urls"))]
