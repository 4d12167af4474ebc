"""Deepgram's `/v1/listen` and `/v1/auth/grant`: thin adapters over live sessions and recordings."""
