"""Bulk work: chunks, jobs, ledgers and plans."""
