import pytest

from kernels import CURVES


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def curve(request):
    return request.param
