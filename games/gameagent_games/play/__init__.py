"""A window in which an agent, or a person, plays a family's variants."""
