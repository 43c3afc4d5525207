"""Values of the gateway."""
