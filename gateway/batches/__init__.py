"""Many reports at once (集团批量): for a group, and for an institution under its authorisations. Read `service.py` first."""
