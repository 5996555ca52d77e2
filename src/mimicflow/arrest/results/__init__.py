"""What do the predictions of cardiac arrest amount to? Tables and figures."""
