"""Shared test support: real servers, certificates, waiting."""
