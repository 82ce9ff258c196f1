"""The activity log as evidence: where entries come from, their chain of seals, its verification, and pruning."""
