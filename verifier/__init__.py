"""Checks reports for third parties who trust nobody: it stands on the contract and on signing alone."""
