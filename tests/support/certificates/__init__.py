"""Certificates and revocation lists for tests, good ones and every fault."""
