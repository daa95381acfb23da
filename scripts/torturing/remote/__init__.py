"""Kills pushes, fetches, pulls and clones on either side, and looks whether anything was lost or sent twice."""
