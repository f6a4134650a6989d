"""Sharing as a person works with it: opinions into the outbox, the routes of the Share tab, and the command."""
