"""What all views share: files to download, and the check for private keys."""
