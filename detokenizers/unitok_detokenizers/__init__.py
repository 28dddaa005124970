"""Detokenizers: codes to media."""
