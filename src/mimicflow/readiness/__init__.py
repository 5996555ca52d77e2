"""Is everything there that a target needs? One table, before any job: ``mimicflow check``."""
