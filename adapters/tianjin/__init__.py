"""The adapter of Tianjin."""
