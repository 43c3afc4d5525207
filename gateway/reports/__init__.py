"""Reports: from a request to a sealed report. Read `service.py` first."""
