"""PURE: what to say. `reply(known, event, library) -> Turn`; no clock, no database, no network."""
