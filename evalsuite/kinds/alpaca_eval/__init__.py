"""AlpacaEval 1.0: a judge compares answers."""
