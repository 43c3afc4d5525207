"""`huren`: the command line. It stands above the programs, starts and stops them, and calls them as a user would."""
