"""The programs that answer for one province's own data."""
