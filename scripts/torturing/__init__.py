"""Kills the program at random moments and looks whether anything was lost."""
