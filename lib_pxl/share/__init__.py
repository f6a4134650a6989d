"""Sharing opinions, on the side of the one who has them: nothing leaves before a yes, and all that left can be read."""
