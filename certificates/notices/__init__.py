"""Announce what happens to certificates and revocation lists, to the people who look after them."""
