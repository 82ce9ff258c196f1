"""Sample certificates, as Microsoft's guide creates with the step CLI. Keys are created in memory and not stored."""

import base64

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from certificates.actions.sample_registration import CA, CLIENT, Registration, register_samples
from certificates.forms.samples import SampleFormSet, posted_samples
from certificates.forms.upload import public_facts
from certificates.samples.chain import SampleChain, make_sample_chain, sample_chain_zip
from certificates.x509.certificate import load_certificate
from namespaces.access import get_namespace
from namespaces.models import Namespace, Possession
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.observations import Observation, observe
from portal.web.recorded_requests import mark_as_download
from portal.web.responses import PageRequest, render_page

WAITS = "The CA certificate waits for a proof of possession: sign the nonce on its page with intermediate_ca.key of the download."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sample_certificates(request: PageRequest, pk: int) -> HttpResponse:
    """Show the form. A POST returns thumbprints and ZIP archive in one page, because neither is stored."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    form = SampleFormSet.bound_to(request.POST) if request.method == "POST" else SampleFormSet.starting_from([])
    context = namespace_context(request, namespace, form=form)
    status = 200
    if request.method == "POST" and form.is_valid():
        chain = make_sample_chain(form.names, at=timezone.now(), ahead=namespace.judged_ahead)
        observe(request.user, namespace.pk, Observation("samples", "made", "", _facts(chain)))
        context |= {"chain": chain, "zip_base64": base64.b64encode(sample_chain_zip(chain)).decode()}
    elif request.method == "POST":
        status = 422
    page = render_page(request, "certificates/sample_certificates.html", context, partial="form", status=status)
    return mark_as_download(page, "sample-certificates.zip") if "chain" in context else page


def _facts(chain: SampleChain) -> tuple[dict[str, str], ...]:
    made = (chain.root, chain.intermediate, chain.clients[0])
    return tuple(public_facts(load_certificate(each.certificate_der)) for each in made)


@require_POST
def sample_certificates_draft(request: PageRequest, pk: int) -> HttpResponse:
    """Return the form as typed, with one row added or removed, or with the training set."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    form = SampleFormSet.redrawn(request.POST)
    return render_page(
        request,
        "certificates/sample_certificates.html",
        namespace_context(request, namespace, form=form),
        partial="form",
    )


@require_POST
def sample_certificates_register(request: PageRequest, pk: int) -> HttpResponse:
    """Register the sample chain. There is no redirect, because only the page with the download has the keys."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    intermediate, clients = posted_samples(request.POST)
    registrations = register_samples(request.user, namespace=namespace, intermediate=intermediate, clients=clients)
    refused = [(f"{each.kind} {each.name}", each.problem) for each in registrations if each.problem]
    context = namespace_context(
        request, namespace, done=_summary(namespace, registrations), refused=refused, registrations=registrations
    )
    template = "certificates/sample_certificates_register.html"
    return render_page(request, template, context, partial="registered")


def _summary(namespace: Namespace, registrations: list[Registration]) -> list[str]:
    """Return one sentence for each kind of resource created."""
    names = {
        kind: [each.name for each in registrations if each.kind == kind and not each.problem] for kind in (CA, CLIENT)
    }
    done = [
        f"{kind}{'s' if len(created) > 1 else ''}: {', '.join(created)}." for kind, created in names.items() if created
    ]
    if names[CA] and namespace.possession == Possession.REQUIRED:
        done.append(WAITS)
    return done
