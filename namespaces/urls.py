from django.urls import URLPattern

app_name = "namespaces"
urlpatterns: list[URLPattern] = []
