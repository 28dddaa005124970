"""Scores what a checkpoint can do; nothing in it is learned."""
