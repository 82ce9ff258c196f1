"""Parts of pages: help, charts, notifications, times."""
