"""Running the portal in production: its environment variables, and whether a deployment is sound."""
