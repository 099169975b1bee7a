//! `Container.experimentalWithGPU`: gives commands some of the machine's GPUs.

use kukri_engine_macros::Operation;

/// Gives commands some of the machine's GPUs.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    name = "experimentalWithGPU",
    unavailable = "GPUs cannot be given to commands yet"
)]
pub struct ExperimentalWithGpu {
    /// Their identifiers.
    devices: Vec<String>,
}
