"""Exercises as data: each is a folder with `exercise.toml` and texts in Markdown. See docs/writing-exercises.md."""
