"""Many clients live through many days on the real workflow and store; an independent judge reads their diaries."""
