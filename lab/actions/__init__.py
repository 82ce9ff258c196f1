"""Every change of the lab: keyword-only, the actor first."""
