"""Sotto: real-time transcription for CRM dictation."""

__version__ = "0.1.0"
