"""Expiry dates of a namespace: a page, and a calendar feed at a secret address."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.calendar_feeds import create_calendar_feed, open_calendar_feed, revoke_calendar_feed
from certificates.models import ExpiryFeed
from certificates.pages.expiries import calendar_of, expiries_of
from certificates.pages.impact import DAY, DAYS, impact_on, labelled, weekly_chart
from namespaces.access import get_namespace
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page

SPANS = {"30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365)}


@require_safe
def expiries(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    within = request.GET.get("within", "")
    now, at = timezone.now(), namespace.judged_at(timezone.now())
    found = expiries_of(namespace, at=at, now=now, within=SPANS.get(within), with_refused=True)
    feed = ExpiryFeed.objects.filter(user=request.user, namespace=namespace).first()
    context = namespace_context(
        request, namespace, expiries=found, within=within if within in SPANS else "", feed=feed, now=at
    )
    return render_page(request, "certificates/expiries.html", context, partial="grid")


@require_safe
def expiry_impact(request: PageRequest, pk: int) -> HttpResponse:
    """Show who is refused from which day on if nothing is done. `day`: days from today, 0 to 365."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    day = min(whole_number(request.GET.get("day", "")) or 0, DAYS)
    at = namespace.judged_at(timezone.now())
    chart = weekly_chart(namespace, day=day, at=at)
    context = namespace_context(
        request,
        namespace,
        impact=impact_on(namespace, day=day, at=at),
        chart=chart,
        labelled=labelled(chart),
        at=at,
        ends=at + DAYS * DAY,
        most_days=DAYS,
        is_part=bool(request.htmx),
        menu_current="certificates:expiries",
    )
    return render_page(request, "certificates/expiry_impact.html", context, partial="result")


@never_cache
@require_POST
def expiry_feed_make(request: PageRequest, pk: int) -> HttpResponse:
    """Create a calendar address. It is shown only in this response, so there is no redirect."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    secret = create_calendar_feed(request.user, namespace=namespace)
    address = request.build_absolute_uri(reverse("certificates:expiry_feed", args=[secret]))
    now, at = timezone.now(), namespace.judged_at(timezone.now())
    found = expiries_of(namespace, at=at, now=now, with_refused=True)
    feed = ExpiryFeed.objects.filter(user=request.user, namespace=namespace).first()
    context = namespace_context(request, namespace, expiries=found, within="", feed=feed, address=address, now=at) | {
        "menu_current": "certificates:expiries"
    }
    return render_page(request, "certificates/expiries.html", context)


@require_POST
def expiry_feed_revoke(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.READ)
    if revoke_calendar_feed(request.user, namespace=namespace):
        messages.success(request, "The calendar address no longer works.")
    return go_to(request, "certificates:expiries", pk)


@csrf_exempt  # it changes nothing, and the log line of a failed check would contain the address
@never_cache
@login_not_required
@require_safe
def expiry_feed(request: HttpRequest, secret: str) -> HttpResponse:
    """Return the calendar, by the clock. Calendar programs cannot sign in, so the secret in the address grants access.

    Some programs try PROPFIND or OPTIONS first, and continue with GET after status 405.
    """
    namespace = open_calendar_feed(secret)
    now = timezone.now()
    base_url = request.build_absolute_uri("/").rstrip("/")
    text = calendar_of(namespace, expiries_of(namespace, at=now), at=now, base_url=base_url)
    headers = {"Content-Disposition": 'inline; filename="expiries.ics"', "Referrer-Policy": "no-referrer"}
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers=headers)
