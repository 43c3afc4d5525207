"""The adapter of Beijing."""
