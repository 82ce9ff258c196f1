"""The home page, and the check of any certificate on it."""

from django.urls import URLPattern, path

from certificates.views import home

app_name = "home"
urlpatterns: list[URLPattern] = [
    path("home/", home.home, name="home"),
    path("check-certificate/", home.certificate_check, name="certificate_check"),
]
