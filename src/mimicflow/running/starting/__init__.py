"""How a run begins: in a folder of one's own, by one command, with keys that are allowed."""
