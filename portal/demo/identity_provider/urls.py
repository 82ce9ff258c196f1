"""The provider's pages: sign-in, OpenID Connect, and a Microsoft Graph with one request."""

from allauth.account.views import LoginView, LogoutView
from django.urls import include, path

from portal.demo.identity_provider import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", LoginView.as_view(), name="account_login"),
    path("sign-out/", LogoutView.as_view(), name="account_logout"),
    path("v1.0/me/getMemberGroups", views.get_member_groups),
    path("", include("allauth.idp.urls")),
]
