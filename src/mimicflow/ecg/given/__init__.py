"""An encoder of one's own: its weights, and the contract that says what goes in and comes out."""
