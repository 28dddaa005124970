"""The procedural world that the default checkpoint knows: scenes, their language and their sounds."""
