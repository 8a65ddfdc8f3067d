"""Waits: how often orders and numbers are looked at, and who hears of it."""
