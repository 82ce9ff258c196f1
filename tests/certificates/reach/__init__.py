"""The reach of a CA certificate."""
