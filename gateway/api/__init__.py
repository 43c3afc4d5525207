"""Edges: they decode, authenticate, call one service, and encode."""
