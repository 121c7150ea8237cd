"""What can be said of the CUDA kernels without a GPU (machine code, a model), and the one command for who has one."""
