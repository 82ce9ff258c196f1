"""What the certificate pages show: queries and view models, no HTTP."""
