"""Who decides in a namespace, and what would change if that changed."""
