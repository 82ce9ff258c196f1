"""Pages of the lab, below /lab/."""

from django.urls import URLPattern

app_name = "lab"
urlpatterns: list[URLPattern] = []
