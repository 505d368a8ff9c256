"""Registers the users with the admin."""
