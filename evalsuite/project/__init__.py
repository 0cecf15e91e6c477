"""A team's own defaults: ``evalsuite.toml`` and variables of the environment."""
