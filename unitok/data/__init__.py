"""Data: token caches, packing, documents of a user's own, and the world of scenes."""
