"""The resource types: what each accepts and returns, by API version."""
