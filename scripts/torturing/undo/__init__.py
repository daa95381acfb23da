"""Draws scenarios of edits and killed commands, and looks whether all that they took off the disk is found again."""
