"""Which authentication names a CA certificate may issue certificates for, by its name constraints. Pure."""
