"""The adapter of Hebei."""
