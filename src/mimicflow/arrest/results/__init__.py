"""How good are the predictions of cardiac arrest? Tables and figures."""
