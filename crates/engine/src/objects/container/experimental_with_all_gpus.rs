//! `Container.experimentalWithAllGPUs`: gives commands all GPUs of the machine.

use kukri_engine_macros::Operation;

/// Gives commands all GPUs of the machine.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    name = "experimentalWithAllGPUs",
    unavailable = "GPUs cannot be given to commands yet"
)]
pub struct ExperimentalWithAllGpus {}
