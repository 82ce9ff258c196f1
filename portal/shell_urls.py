"""Pages of the shell itself."""

from django.conf import settings
from django.urls import URLPattern, path

from portal import views

app_name = "portal"
urlpatterns: list[URLPattern] = [
    path("", views.home, name="home"),
    # Signing in and out
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    # The person
    path("account/", views.account, name="account"),
    path("account/password/", views.password_change, name="password_change"),
    path("theme/", views.theme, name="theme"),
    # The top bar
    path("search/", views.search_page, name="search"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/seen/", views.notifications_seen, name="notifications_seen"),
    path("notifications/bell/", views.bell, name="bell"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", views.styleguide, name="styleguide"))
