"""ARM resource ids."""


def subscription_of(arm_id: str) -> str:
    """The subscription of an ARM id, lower case; "" when it names none."""
    steps = arm_id.split("/", 3)
    return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else ""
