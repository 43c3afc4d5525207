"""The adapter, once, for every province."""
