//! Writes tar archives: ustar headers, with PAX records for what does not fit into them. Deterministic.

use std::io::{self, Read, Write};

use kukri_tree::Meta;
use tar::{EntryType, Header};

use crate::tar_read::Kind;

const BLOCK: usize = 512;
const MAX_NAME: usize = 100;
/// Largest owner that seven octal digits hold.
const MAX_ID: u32 = 0o777_7777;
/// Largest length that eleven octal digits hold: 8 GiB - 1.
const MAX_OCTAL_SIZE: u64 = 0o777_7777_7777;
const NANOS: i64 = 1_000_000_000;

/// Writes one archive.
pub(crate) struct TarWriter<W> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    pub(crate) const fn new(output: W) -> Self {
        Self { output }
    }

    /// Everything but files. Paths of directories get a `/` at their end here; the root is `./`.
    pub(crate) fn entry(&mut self, path: &[u8], meta: &Meta, kind: &Kind) -> io::Result<()> {
        self.header(path, meta, kind)
    }

    /// A file of exactly `size` bytes.
    pub(crate) fn file(&mut self, path: &[u8], meta: &Meta, size: u64, content: impl Read) -> io::Result<()> {
        self.header(path, meta, &Kind::File(size))?;
        let copied = io::copy(&mut content.take(size), &mut self.output)?;
        if copied != size {
            let path = String::from_utf8_lossy(path);
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{path} has {copied} bytes instead of {size}"),
            ));
        }
        self.pad(size)
    }

    /// Writes the end of the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; 2 * BLOCK])?;
        Ok(self.output)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (size % BLOCK as u64) as usize;
        if rest == 0 { Ok(()) } else { self.output.write_all(&[0; BLOCK][rest..]) }
    }

    fn header(&mut self, path: &[u8], meta: &Meta, kind: &Kind) -> io::Result<()> {
        let mut path = path.to_vec();
        if *kind == Kind::Dir {
            path.extend_from_slice(if path.is_empty() { b"./" } else { b"/" });
        }
        let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut add = |key: &[u8], value: &[u8]| records.push((key.to_vec(), value.to_vec()));
        let mut header = Header::new_ustar();
        let empty: &[u8] = b"";
        let (kind_byte, size, link) = match kind {
            Kind::File(size) => (EntryType::Regular, *size, empty),
            Kind::Dir => (EntryType::Directory, 0, empty),
            Kind::Symlink(target) => (EntryType::Symlink, 0, &target[..]),
            Kind::Hardlink(target) => (EntryType::Link, 0, &target[..]),
            Kind::Device { block: true, .. } => (EntryType::Block, 0, empty),
            Kind::Device { block: false, .. } => (EntryType::Char, 0, empty),
            Kind::Fifo => (EntryType::Fifo, 0, empty),
        };
        header.set_entry_type(kind_byte);
        header.set_mode(meta.mode & 0o7777);
        for (value, key, set) in [
            (meta.uid, b"uid", Header::set_uid as fn(&mut Header, u64)),
            (meta.gid, b"gid", Header::set_gid as fn(&mut Header, u64)),
        ] {
            if value > MAX_ID {
                add(key, value.to_string().as_bytes());
            }
            set(&mut header, u64::from(value.min(MAX_ID)));
        }
        if size > MAX_OCTAL_SIZE {
            add(b"size", size.to_string().as_bytes());
        }
        header.set_size(size);
        header.set_mtime(u64::try_from(meta.mtime_ns.div_euclid(NANOS)).unwrap_or(0));
        if meta.mtime_ns < 0 || meta.mtime_ns % NANOS != 0 {
            add(b"mtime", time(meta.mtime_ns).as_bytes());
        }
        if let Kind::Device { major, minor, .. } = kind {
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
        }
        let Some(ustar) = header.as_ustar_mut() else { return Err(io::Error::other("not a ustar header")) };
        for (field, value, key) in
            [(&mut ustar.name[..], &path[..], &b"path"[..]), (&mut ustar.linkname[..], link, b"linkpath")]
        {
            if value.len() > MAX_NAME {
                add(key, value);
            }
            let short = &value[..value.len().min(MAX_NAME)];
            field[..short.len()].copy_from_slice(short);
        }
        for (name, value) in &meta.xattrs {
            add(&[b"SCHILY.xattr.", &name[..]].concat(), value);
        }
        if !records.is_empty() {
            self.records(&records)?;
        }
        header.set_cksum();
        self.output.write_all(header.as_bytes())
    }

    fn records(&mut self, records: &[(Vec<u8>, Vec<u8>)]) -> io::Result<()> {
        let mut body = Vec::new();
        for (key, value) in records {
            // The length counts its own digits.
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} ").as_bytes());
            body.extend_from_slice(&[key, &b"="[..], value, b"\n"].concat());
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_path("PaxHeaders/entry")?;
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(body.len() as u64);
        header.set_cksum();
        self.output.write_all(header.as_bytes())?;
        self.output.write_all(&body)?;
        self.pad(body.len() as u64)
    }
}

/// Seconds with as many decimals as needed.
fn time(nanos: i64) -> String {
    let (sign, absolute) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let text = format!("{sign}{}.{:09}", absolute / NANOS as u64, absolute % NANOS as u64);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar_read::TarReader;

    #[test]
    fn what_is_written_is_read() {
        let name = |byte: u8, len: usize| vec![byte; len];
        let xattrs = vec![
            ((*b"security.capability").into(), (*b"\x01\n\0").into()),
            ((*b"user.a").into(), (*b"").into()),
        ];
        let meta = |mtime_ns| Meta {
            mode: 0o4755,
            uid: 3_000_000,
            gid: 2_097_151,
            mtime_ns,
            xattrs: xattrs.clone(),
        };
        let entries = vec![
            (b"".to_vec(), Kind::Dir, Meta::new(0o755)),
            (name(b'd', 99), Kind::Dir, meta(0)),
            (name(b'f', 100), Kind::File(0), meta(1)),
            (name(b'f', 101), Kind::File(700), meta(-1)),
            (name(b'f', 900), Kind::File(512), meta(-5_000_000_000)),
            (b"l".to_vec(), Kind::Symlink(name(b't', 300)), Meta { mode: 0o777, ..meta(1_500_000_000) }),
            (b"h".to_vec(), Kind::Hardlink(name(b'f', 100)), meta(1)),
            (b"c".to_vec(), Kind::Device { block: false, major: 1, minor: 300 }, Meta::new(0o600)),
            (b"b".to_vec(), Kind::Device { block: true, major: 259, minor: 1 }, Meta::new(0o600)),
            (b"p\xff".to_vec(), Kind::Fifo, Meta::new(0)),
        ];
        let write = || {
            let mut writer = TarWriter::new(Vec::new());
            for (path, kind, meta) in &entries {
                match kind {
                    Kind::File(size) => writer.file(path, meta, *size, io::repeat(7)).unwrap(),
                    other => writer.entry(path, meta, other).unwrap(),
                }
            }
            writer.finish().unwrap()
        };
        let bytes = write();
        assert_eq!(bytes, write());
        let mut reader = TarReader::new(&bytes[..]);
        for (path, kind, meta) in &entries {
            let entry = reader.next().unwrap().unwrap();
            assert_eq!((&entry.path, &entry.kind, &entry.meta), (path, kind, meta));
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content).unwrap();
            assert!(content.iter().all(|&byte| byte == 7));
        }
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let mut writer = TarWriter::new(Vec::new());
        assert!(writer.file(b"x", &Meta::new(0o644), 5, &b"abc"[..]).is_err());
    }
}
