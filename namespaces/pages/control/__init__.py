"""What the pages of change sets show."""
