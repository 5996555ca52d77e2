"""A new recording: its epochs scored from the command line, drawn, put into words."""
