"""The commands of ``fastpath-prover``, one module each; :mod:`cluster.cli` imports the one that runs."""
