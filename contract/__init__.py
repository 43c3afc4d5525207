"""What every member must agree on, as pure Python."""
