"""What the rules change about a decision: which one refuses a client that Azure alone would accept. Pure."""

from certificates.authentication.types import RULE_TITLES, Decision


def difference(decided: Decision, without: Decision) -> str:
    """Return the code of the rule by which two decisions about one CONNECT differ, "" where they do not.

    Arguments: `decided`, with the rules of the namespace; `without`, by `state.without_rules`.
    """
    return decided.code if without.accepted and not decided.accepted and decided.code in RULE_TITLES else ""


def without_rules(decision: Decision) -> Decision:
    """Return what Azure alone would have decided: the decision without the steps of rules, which come after all others."""
    steps = tuple(step for step in decision.steps if step.code not in RULE_TITLES)
    if decision.code not in RULE_TITLES:
        return decision._replace(steps=steps, lists_end=None)
    reason = f"Connected as {decision.client.name if decision.client else ''}."
    return decision._replace(accepted=True, code="accepted", reason=reason, fix="", steps=steps)
