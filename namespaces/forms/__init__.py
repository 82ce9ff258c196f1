"""Forms for namespaces and the resources in them."""
