"""All components: importing this module registers them with mmagic."""

from . import datasets, engine, evaluation, models, visualization
from .datasets import transforms
from .models import peers

for package in (datasets, transforms, engine, evaluation, models, peers, visualization):
    for name in package.__all__:
        getattr(package, name)  # imports what is not there yet
