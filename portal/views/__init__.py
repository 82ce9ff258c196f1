"""The views of the shell: sign-in, account, theme, search, notifications, error pages and the style guide."""
