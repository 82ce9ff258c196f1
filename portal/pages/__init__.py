"""What the shell's own pages show."""
