//! `Host.containerImage`: an image of the client's Docker or containerd.

use kukri_engine_macros::Operation;

/// An image of the client's Docker or containerd.
#[derive(Operation)]
#[operation(
    on = "Host",
    returns = "Container!",
    cache = "session",
    unavailable = "images of the client's Docker or containerd cannot be read yet; save the image to a file and use Container.import"
)]
pub struct ContainerImage {
    /// Its name there.
    name: String,
}
