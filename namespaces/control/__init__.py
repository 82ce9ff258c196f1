"""Who must approve which change: the policy of a namespace, the gate in front of every action, and who may approve."""
