"""The settings of the portal, with Django admin beside it."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.admin"]
MIDDLEWARE = [each for each in MIDDLEWARE if not each.endswith("LoginRequiredMiddleware")]
ROOT_URLCONF = "benchmarks.lists.urls"
