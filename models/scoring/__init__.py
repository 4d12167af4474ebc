"""How good transcripts are: normalised tokens, list phrases in them, errors and their rates.

The rules are told in docs/evaluation.md.
"""
