"""Could a prediction have seen what it should not? One module, one rule and one table per check."""
