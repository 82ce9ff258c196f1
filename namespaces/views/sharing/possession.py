"""What a namespace asks of people who upload CA certificates."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from namespaces.access import get_namespace
from namespaces.actions.configuration import set_possession
from namespaces.forms.configuration import PossessionForm
from namespaces.models import Possession
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, go_to, render_page

HOME = "namespaces:configuration_detail"


@require_http_methods(["GET", "HEAD", "POST"])
def possession(request: PageRequest, pk: int) -> HttpResponseBase:
    """Ask for proofs of possession, require them, or do not."""
    namespace = get_namespace(request.user, pk, Verb.OWN)
    form = PossessionForm(
        request.POST if request.method == "POST" else None, initial={"possession": namespace.possession}
    )
    if form.is_valid():
        chosen = Possession(form.cleaned_data["possession"])
        try:
            set_possession(request.user, namespace=namespace, possession=chosen)
        except RuleError as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(
                request, f"Proof of possession is {chosen.label.lower()} now.", extra_tags="possession-set"
            )
            return go_to(request, HOME, pk)
    context = namespace_context(request, namespace, form=form, choices=Possession, menu_current=HOME)
    return render_page(request, "namespaces/possession.html", context, status=422 if form.is_bound else 200)
