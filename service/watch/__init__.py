"""Watching the service while it runs: metrics, traces, and who may look."""
