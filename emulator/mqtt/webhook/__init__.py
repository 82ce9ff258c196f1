"""Ask a webhook about each CONNECT: custom webhook authentication."""
