"""Checks: one question each, asked of every case it fits, with no word about any backend."""
