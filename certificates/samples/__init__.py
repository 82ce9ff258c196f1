"""Sample certificate chains, valid and deliberately invalid. Pure."""
