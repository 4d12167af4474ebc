"""Breaks a running deployment on purpose, and checks that nothing that was promised is lost: docs/reliability.md."""
