"""When: time zones; later daylight saving, quiet hours, windows, missed days. Pure: time comes with the event."""
