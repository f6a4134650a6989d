"""The taste as a person works with it: pictures, duels, what was learned, and what to make next."""
