"""The part of Azure Resource Manager that Event Grid namespaces need, over HTTPS."""
