"""Proof that a person holds the private key of a CA certificate: what is asked for, and how it is verified. Pure."""
