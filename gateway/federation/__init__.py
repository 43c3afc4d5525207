"""The other members, as this gateway sees them."""
