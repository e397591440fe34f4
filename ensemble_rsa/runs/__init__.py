"""Run folders: what training writes and everything later reads."""
