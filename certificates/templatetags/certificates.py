"""What templates of other rooms draw from this one."""

from django import template

from certificates.authentication.decision import Decision
from certificates.pages.authentication_test import ShownStep, steps_of_attempt
from certificates.pages.presented_chain import Presented
from namespaces.models import ConnectionAttempt

register = template.Library()


@register.simple_tag
def steps_with_ways_out(attempt: ConnectionAttempt, decision: Decision, may_change: bool) -> tuple[ShownStep, ...]:
    """The steps of a past attempt's decision; the one that failed leads to the form where its one change is made."""
    presented = Presented.of_attempt(attempt)
    leaf = presented.leaf if presented is not None else None
    return steps_of_attempt(decision, leaf, attempt.namespace, may_change=may_change)
