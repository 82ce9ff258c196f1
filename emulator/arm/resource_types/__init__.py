"""The resource types of Event Grid: what each accepts and returns, by API version."""
