"""Formulas as in the textbook, over anything with ``+ - *``, ``square``, ``double`` and unary minus.

The same text runs on Python integers (the oracle) and on LLVM values (the compiled kernels).
"""
