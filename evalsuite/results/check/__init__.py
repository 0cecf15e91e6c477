"""A candidate against a baseline under a policy: a verdict that a CI job can trust."""
