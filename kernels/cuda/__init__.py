"""CUDA kernels and the code that launches them; written against :class:`kernels.cuda.device.Device`."""
