"""Stand-ins of the outside world that the demonstration runs on."""
