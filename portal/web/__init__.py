"""HTTP plumbing that every page shares: request ids, uploads, CSV, template context."""
