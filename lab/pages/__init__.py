"""What the pages of the lab show: queries and view models, no HTTP."""
