"""Template tags for certificates and decisions."""

from collections.abc import Iterable

from django import template

from certificates.authentication.types import FAILED, Decision
from certificates.pages.authentication_trace import ShownStep, steps_of_attempt
from certificates.pages.presented_chain import PresentedChain
from namespaces.models import ConnectionAttempt

register = template.Library()


@register.simple_tag
def steps_with_fix_links(attempt: ConnectionAttempt, decision: Decision, may_change: bool) -> tuple[ShownStep, ...]:
    """Return the steps of a past attempt's decision; the failed one links to the form that fixes it."""
    return steps_of_attempt(attempt, decision, PresentedChain.of_attempt(attempt), may_change=may_change)


@register.simple_tag
def failed_step(steps: Iterable[ShownStep]) -> ShownStep | None:
    """Return the step at which a decision failed, with its fix."""
    return next((shown for shown in steps if shown.step.outcome == FAILED and shown.is_enforced), None)


@register.simple_tag
def unenforced_step(steps: Iterable[ShownStep]) -> ShownStep | None:
    """Return the step of the rule that would refuse a client which Azure lets in."""
    return next((shown for shown in steps if shown.step.outcome == FAILED and not shown.is_enforced), None)
