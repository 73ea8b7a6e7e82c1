"""What every test runs under: no deadlines (speed lives in tests/bench), one thread for tensors."""

import torch
from hypothesis import settings

settings.register_profile("moyou", deadline=None, max_examples=60)
settings.load_profile("moyou")
torch.set_num_threads(1)
