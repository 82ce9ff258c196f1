"""What the namespace pages show: queries and view models, no HTTP."""
