"""Waits: how often orders and numbers are read, and who gets their changes."""

from .policy import PollPolicy as PollPolicy  # a pickle of 0.1 looks for it here
