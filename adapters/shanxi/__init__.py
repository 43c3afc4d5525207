"""The adapter of Shanxi."""
