"""Which clients a CA certificate could authenticate as: its blast radius."""
