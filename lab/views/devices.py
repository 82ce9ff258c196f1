"""*Device*: an MQTT client that the portal runs for a person, who looks at its packets."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lab.actions import devices as actions
from lab.devices import limits
from lab.devices.control import has_devices
from lab.devices.problems import DeviceProblem
from lab.forms.devices import ConnectForm, DeviceForm, PublishForm, SubscribeForm
from lab.models import BrowserDevice
from lab.pages.devices import devices_of, live_device, next_steps, programs_for
from namespaces.access import get_namespace
from namespaces.connections.attempts import has_connection_log
from namespaces.connections.mqtt_endpoints import emulator_endpoint
from namespaces.forms.base import GuardedForm
from namespaces.models import Client, Namespace
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page

LIST = "lab:device_list"
FILES = {"root": "device-root.crt", "intermediate": "device-intermediate.crt", "leaf": "device.crt"}
LABELS = (("intermediate", "Intermediate"), ("root", "Root"), ("leaf", "Certificate"))


def _namespace(request: PageRequest, pk: int) -> Namespace:
    """Return the namespace for a person who may connect clients in it. Raise Http404 where there are no devices."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=Client)
    if not has_devices():
        raise Http404("The portal is not connected to an emulator.")
    return namespace


def _device(request: PageRequest, pk: int, device: int) -> BrowserDevice:
    namespace = _namespace(request, pk)
    row = BrowserDevice.objects.visible_to(request.user, namespace).filter(pk=device).first()
    if row is None:
        raise Http404("There is no such device, or it is another person's.")
    row.namespace = namespace
    return row


@require_safe
def device_list(request: PageRequest, pk: int) -> HttpResponse:
    return _list(request, _namespace(request, pk), DeviceForm())


def _list(request: PageRequest, namespace: Namespace, form: DeviceForm, status: int = 200) -> HttpResponse:
    context = namespace_context(
        request,
        namespace,
        form=form,
        devices=devices_of(request.user, namespace),
        endpoint=emulator_endpoint(namespace.resource_key),
        per_person=limits.PER_PERSON,
        menu_current=LIST,
    )
    return render_page(request, "lab/device_list.html", context, status=status)


@require_POST
def device_create(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = _namespace(request, pk)
    form = DeviceForm(request.POST)
    if form.is_valid():
        try:
            device = actions.create_device(request.user, namespace=namespace, **form.cleaned_data)
        except DeviceProblem as problem:
            form.add_error(None, problem.sentence)
        else:
            return go_to(request, "lab:device_detail", pk, device.pk)
    return _list(request, namespace, form, status=422)


@require_safe
def device_detail(request: PageRequest, pk: int, device: int) -> HttpResponse:
    return _detail(request, _device(request, pk, device))


def _detail(request: PageRequest, row: BrowserDevice, status: int = 200, **forms: GuardedForm) -> HttpResponse:
    topic = f"devices/{row.authentication_name}".translate(str.maketrans("+#", "--"))
    shown: dict[str, Any] = {
        "connect": ConnectForm(initial={"user_name": row.authentication_name}),
        "publish": PublishForm(initial={"topic": topic, "payload": "hello"}),
        "subscribe": SubscribeForm(initial={"topic_filter": topic}),
        **forms,
    }
    context = namespace_context(
        request,
        row.namespace,
        row=row,
        live=live_device(row),
        steps=next_steps(row),
        programs=programs_for(row, topic),
        certificate_files=LABELS,
        has_log=has_connection_log(),
        menu_current=LIST,
        **shown,
    )
    return render_page(request, "lab/device_detail.html", context, status=status)


@require_safe
def device_live(request: PageRequest, pk: int, device: int) -> HttpResponse:
    """Return state and packets, for htmx to swap in; 204 while nothing has changed."""
    row = _device(request, pk, device)
    live = live_device(row, round_number=whole_number(request.GET.get("round", "")) or 0)
    if live.fingerprint == request.GET.get("seen") and not live.is_over:
        return HttpResponse(status=204)
    is_news = live.state != request.GET.get("said")
    context = namespace_context(
        request, row.namespace, row=row, live=live, is_news=is_news, has_log=has_connection_log()
    )
    return render_page(request, "lab/device_live.html", context)


@require_safe
def device_certificate(request: PageRequest, pk: int, device: int, which: str) -> HttpResponseBase:
    """Return one of the device's certificates as a file. Its key cannot be asked for."""
    row = _device(request, pk, device)
    live = live_device(row)
    if which not in FILES or which not in live.certificates:
        return go_to(request, "lab:device_detail", pk, device)
    headers = {"Content-Disposition": f'attachment; filename="{FILES[which]}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(live.certificates[which], content_type="application/x-pem-file", headers=headers)


@require_POST
def device_end(request: PageRequest, pk: int, device: int) -> HttpResponseBase:
    row = _device(request, pk, device)
    try:
        actions.end_device(request.user, device=row)
    except DeviceProblem as problem:
        messages.error(request, problem.sentence)
        return go_to(request, "lab:device_detail", pk, device)
    messages.success(request, "The device has ended, and its key with it.")
    return go_to(request, LIST, pk)


def _command(request: PageRequest, row: BrowserDevice, name: str, **values: Any) -> HttpResponseBase:
    """Have the device do something, and show its page."""
    try:
        actions.command(request.user, device=row, name=name, **values)
    except DeviceProblem as problem:
        messages.error(request, problem.sentence)
    return go_to(request, "lab:device_detail", row.namespace_id, row.pk)


@require_POST
def device_disconnect(request: PageRequest, pk: int, device: int) -> HttpResponseBase:
    return _command(request, _device(request, pk, device), "disconnect")


@require_POST
def device_unsubscribe(request: PageRequest, pk: int, device: int) -> HttpResponseBase:
    topic_filter = request.POST.get("topic_filter", "")[: limits.MOST_TOPIC]
    row = _device(request, pk, device)
    if not topic_filter:
        return _detail(request, row, status=422)
    return _command(request, row, "unsubscribe", topic_filter=topic_filter)


def _by_form(name: str, form_class: type[GuardedForm], integers: frozenset[str] = frozenset()) -> Callable[..., Any]:
    """Return the view of a command that takes values from a form of the device's page."""

    def view(request: PageRequest, pk: int, device: int) -> HttpResponseBase:
        row = _device(request, pk, device)
        form = form_class(request.POST)
        if not form.is_valid():
            return _detail(request, row, status=422, **{name: form})
        values = {each: int(value) if each in integers else value for each, value in form.cleaned_data.items()}
        return _command(request, row, name, **values)

    return require_http_methods(["POST"])(view)


device_connect = _by_form("connect", ConnectForm)
device_publish = _by_form("publish", PublishForm, frozenset({"qos"}))
device_subscribe = _by_form("subscribe", SubscribeForm, frozenset({"qos"}))
