"""Azure Resource Manager as far as Event Grid namespaces need it, over HTTPS."""
