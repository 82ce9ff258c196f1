"""ARM requests and responses: paths, calls, filters, pages, errors, rate limits."""
