"""Process plumbing that the programs share."""
