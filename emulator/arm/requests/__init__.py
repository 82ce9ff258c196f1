"""ARM requests: paths, calls, filters, errors, throttling."""
