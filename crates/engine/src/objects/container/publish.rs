//! `Container.publish`: writes the container as an image to a registry.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_oci::export::ExportOptions;
use kukri_oci::{PushProgress, Reference};
use kukri_telemetry::SpanKind;

use super::Container;
use super::as_tarball::{ImageLayerCompression, ImageMediaTypes, images};
use crate::args::Ref;
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects::service::Service;
use crate::operation::Run;
use crate::transfer::Meter;
use crate::vertex::TreeHandle;

/// Writes the container as an image to a registry. Gives the complete reference, with the digest.
///
/// Layers of the base image are kept as they are; those that the registry has are not sent. Mounts and secrets are not
/// part of it.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!", cache = "never")]
pub struct Publish {
    /// Where: `registry.example.com/team/app:1.0`. Without a tag: `latest`. A digest is an error: it follows from the image.
    address: String,
    /// Further containers of the same image for other platforms; the image then has an index.
    #[arg(default = "[]")]
    platform_variants: Vec<Ref<Container>>,
    /// Compress all layers like this. Default: layers of base images stay as they are, new ones get gzip.
    forced_compression: Option<ImageLayerCompression>,
    /// Which family of media types is used.
    #[arg(default = "OCIMediaTypes")]
    media_types: ImageMediaTypes,
    /// Reach the registry by this service's name.
    #[arg(unavailable = "services are not supported yet; give an address that the engine can reach")]
    registry_service: Option<Ref<Service>>,
}

impl Run for Publish {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<String, OpError> {
        let reference: Reference = self.address.parse().or_fail()?;
        if reference.digest().is_some() {
            return Err(OpError::new(format!(
                "cannot publish to {}: a digest follows from the image and is not chosen; give a tag, as in {}:{}",
                self.address,
                reference.name(),
                reference.tag().unwrap_or("latest")
            )));
        }
        let tarball = images(&on, &self.platform_variants, self.forced_compression, self.media_types)?;
        let handles: Vec<TreeHandle> =
            tarball.images.iter().flat_map(|image| image.history.trees()).cloned().collect();
        let mut trees = Vec::with_capacity(handles.len());
        for handle in &handles {
            trees.push(cx.tree(handle).await?);
        }
        let parts = tarball.parts(&trees, &cx.solve_context()).await?;
        let options = ExportOptions {
            media_types: tarball.media_types,
            forced_compression: tarball.compression,
            name: None,
        };
        let client = cx.session.registry(cx.engine.registry_client());
        let span = cx.session.progress().begin(
            &cx.engine,
            format!("publish {reference}"),
            SpanKind::Export,
            handles,
        );
        let meter = Arc::new(Meter::default());
        let push = async {
            let (store, counted) = (cx.engine.store().clone(), Arc::clone(&meter));
            let exports = crate::blocking(move || parts.pack(&store, &counted)).await?;
            let progress = Arc::new(Push(Arc::clone(&meter)));
            kukri_oci::push(&client, cx.engine.store(), exports, options, &reference, progress)
                .await
                .or_fail()
        };
        let pushed = span.watch(&meter, push).await;
        span.end(&pushed);
        pushed.map(|reference| reference.to_string())
    }
}

/// Counts what goes to the registry.
struct Push(Arc<Meter>);

impl PushProgress for Push {
    fn total(&self, bytes: u64) {
        self.0.set_total(bytes);
    }

    fn present(&self, bytes: u64) {
        self.0.add_present(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.0.add(bytes);
    }

    fn lost(&self, bytes: u64) {
        self.0.take_back(bytes);
    }
}
