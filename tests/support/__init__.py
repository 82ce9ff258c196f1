"""Support for tests: real servers, certificates, waiting."""
