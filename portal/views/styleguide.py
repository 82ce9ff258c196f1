"""Every part of a page on one page, while DEBUG is on."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from portal.pages.styleguide import samples
from portal.web.responses import PageRequest


@require_http_methods(["GET", "HEAD", "POST"])
def styleguide(request: PageRequest) -> HttpResponse:
    return render(request, "portal/styleguide.html", samples())
