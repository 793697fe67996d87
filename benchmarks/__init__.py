"""Measurements beside the peers, one script for each row of the scoreboard. Nothing in here is imported by the package."""
