"""What the sync pages show: queries and view models, no HTTP."""
