"""The four resources of the client."""
