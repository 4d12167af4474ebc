from collections.abc import Iterator

import pytest


@pytest.fixture
def one_training(training_packages: None) -> Iterator[None]:
    """Accelerate keeps its precision for as long as the process lives. One thread: so small a model only waits for
    the others."""
    import torch
    from accelerate.state import AcceleratorState

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)
