"""Rules that Azure cannot express: revocation, what a CA vouches for, policy and pinned keys. Pure."""
