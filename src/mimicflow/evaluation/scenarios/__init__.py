"""What is another configuration worth? Scenarios beside the configuration itself."""
