"""Waits: how often orders and numbers are read, and who gets their changes."""
