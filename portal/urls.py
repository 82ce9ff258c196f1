"""The site map."""

from django.urls import include, path

from portal.views import sign_in

urlpatterns = [
    # Names that django-allauth looks for. What is missing here, such as its sign-up, does not exist.
    path("sign-in/", sign_in.SignIn.as_view(), name="account_login"),
    path("", include("portal.shell_urls")),
    path("namespaces/", include("namespaces.urls")),
    path("namespaces/", include("certificates.urls")),
    path("", include("sync.urls")),
]

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.permission_denied"
handler404 = "portal.views.errors.page_not_found"
handler500 = "portal.views.errors.server_error"
