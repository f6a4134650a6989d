"""Sharing shown to a person: the client and the receiver as they are, put together on this machine alone."""
