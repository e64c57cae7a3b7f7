"""Methods: one room for each way of learning, with everything that belongs to it."""
