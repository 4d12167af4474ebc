"""The deployment that tests share, and the healthy stream beside the trouble: the fixtures of tests/e2e."""

from tests.e2e.conftest import api, gateways, healthy_texts, neighbour, store

__all__ = ["api", "gateways", "healthy_texts", "neighbour", "store"]
