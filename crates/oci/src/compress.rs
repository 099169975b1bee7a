//! Compression of layers, in and out.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

/// Plain bytes go on in pieces of this size.
pub(crate) const CHUNK: usize = 128 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Zstandard's skippable frames, which some writers put first: 0x184D2A50 to 0x184D2A5F.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];

/// Whether `media_type` is a layer that can be read. Which compression it has is seen from its first bytes: media types
/// are often wrong about it.
pub(crate) fn is_layer(media_type: &str) -> bool {
    let base = media_type.split('+').next().unwrap_or_default();
    let base = base.strip_suffix(".gzip").or_else(|| base.strip_suffix(".zstd")).unwrap_or(base);
    matches!(
        base,
        "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.nondistributable.v1.tar"
            | "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar"
    )
}

/// Whether bytes that start like this are compressed.
pub(crate) fn is_compressed(start: &[u8]) -> bool {
    is_gzip(start) || is_zstd(start)
}

pub(crate) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(GZIP)
}

fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(ZSTD) || start.get(1..4) == Some(ZSTD_SKIPPABLE)
}

/// Gives the plain bytes of `input` to `each`, piece by piece, until it says stop (`false`).
pub(crate) fn inflate(input: impl Read, mut each: impl FnMut(Bytes) -> bool) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, input);
    let start = input.fill_buf()?;
    let reader: Box<dyn Read + '_> = if is_gzip(start) {
        Box::new(flate2::bufread::MultiGzDecoder::new(&mut input))
    } else if is_zstd(start) {
        Box::new(zstd::stream::read::Decoder::with_buffer(&mut input)?)
    } else {
        Box::new(&mut input)
    };
    let mut reader = reader;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut reader).take(CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() || !each(chunk.into()) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        inflate(bytes, |chunk| {
            out.extend_from_slice(&chunk);
            true
        })?;
        Ok(out)
    }

    #[test]
    fn all_forms_are_recognised() {
        let plain: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let members = [gzip(&plain[..100]), gzip(&plain[100..])].concat();
        let frames =
            [zstd::encode_all(&plain[..7], 1).unwrap(), zstd::encode_all(&plain[7..], 1).unwrap()].concat();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9][..], &frames].concat();
        for form in [&plain, &gzip(&plain), &members, &frames, &skippable] {
            assert!(inflated(form).unwrap() == plain);
        }
        assert_eq!(inflated(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let bytes = gzip(&[1; 1000]);
        assert!(inflated(&bytes[..bytes.len() - 1]).is_err());
        let bytes = zstd::encode_all(&[1; 1000][..], 1).unwrap();
        assert!(inflated(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn media_types() {
        for good in [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ] {
            assert!(is_layer(good), "{good}");
        }
        for bad in ["application/vnd.in-toto+json", "application/vnd.oci.image.layer.v1.squashfs", ""] {
            assert!(!is_layer(bad), "{bad}");
        }
    }
}
