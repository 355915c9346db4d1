"""All conversions of Keras's layers and operations: importing this registers them."""

from __future__ import annotations

from nnspec_tensorflow.porting import (
    activation as activation,
    attention as attention,
    augmentation as augmentation,
    convolution as convolution,
    distortion as distortion,
    dropout as dropout,
    embedding as embedding,
    linear as linear,
    lookup as lookup,
    merging as merging,
    normalization as normalization,
    operations as operations,
    padding as padding,
    pooling as pooling,
    recurrent as recurrent,
    resampling as resampling,
    scaling as scaling,
    shape as shape,
    spectra as spectra,
    time_distributed as time_distributed,
)
