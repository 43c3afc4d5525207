"""Verification by anybody: by number and code, by file, for reports of every member."""
