"""Timings of kernels, proofs and batches beside other libraries: ``python -m benchmarks``; see BENCHMARKS.md."""
