"""Proof that nothing is lost and nothing doubled: kills and faults while many screen, and a judge of what is kept."""
