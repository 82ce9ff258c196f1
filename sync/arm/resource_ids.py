"""ARM resource IDs."""


def subscription_of(arm_id: str) -> str:
    """Return the subscription of an ARM ID in lower case, or "" when it names none."""
    steps = arm_id.split("/", 3)
    return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else ""
