"""Run folders: trained networks, their configuration and the results of analyses."""
