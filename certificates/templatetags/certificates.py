"""Template tags for certificates and decisions."""

from django import template

from certificates.authentication.types import Decision
from certificates.pages.authentication_trace import ShownStep, steps_of_attempt
from certificates.pages.presented_chain import PresentedChain
from namespaces.models import ConnectionAttempt

register = template.Library()


@register.simple_tag
def steps_with_fix_links(attempt: ConnectionAttempt, decision: Decision, may_change: bool) -> tuple[ShownStep, ...]:
    """Return the steps of a past attempt's decision; the failed one links to the form that fixes it."""
    presented = PresentedChain.of_attempt(attempt)
    leaf = presented.leaf if presented is not None else None
    return steps_of_attempt(decision, leaf, attempt.namespace, may_change=may_change)
