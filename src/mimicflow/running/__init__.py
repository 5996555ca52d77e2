"""What do all steps share while they run? Logs, files written whole, privacy, scenarios."""
