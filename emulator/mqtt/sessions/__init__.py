"""Sessions, subscriptions and messages of one namespace. Sans I/O."""
