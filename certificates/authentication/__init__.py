"""The authentication engine: decide whether a certificate may connect as a client, and explain why. Pure."""
